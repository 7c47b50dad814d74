/** The command `holdfast-mediator`: reads the environment, starts, and stops at a signal. */
import {
  createLogger,
  describeConfig,
  errorText,
  PlatformError,
  readConfig,
  writeFileDurably,
} from '@holdfast/platform';
import { HoldfastError } from '@holdfast/protocol';
import { mediatorConfig, toOptions } from './config.ts';
import { CREDIT_HELP, readCreditArguments, requestCredit } from './credit-command.ts';
import { PAYOUTS_HELP, readPayoutsArguments, requestPayouts } from './payouts-command.ts';
import { readReconcileArguments, RECONCILE_HELP, requestReconciliation } from './reconcile-command.ts';
import { readShowArguments, requestShown, SHOW_HELP } from './show-command.ts';
import { VERSION } from './version.ts';

const HELP = `holdfast-mediator ${VERSION}: matches clients with storage nodes.

  holdfast-mediator                                    starts it
  holdfast-mediator worker                             starts a process that only does what happens by the clock
  holdfast-mediator credit CLIENT_ID SATS --note TEXT   credits a client of the one that runs here
  holdfast-mediator payouts VERB                        pauses or resumes payouts, allows a large one
  holdfast-mediator reconcile                           compares its ledger with the chain now, and publishes what it owes
  holdfast-mediator show PATH                           asks the one that runs here, as admin: show /v1/market

Settings come from the environment:

${describeConfig(mediatorConfig)}`;

/** Only now: an admin who asks something need not wait until all of a mediator is loaded. */
const loadServices = () => import('./compose.ts');

async function main(): Promise<void> {
  const config = readConfig(mediatorConfig, process.env);
  const logger = createLogger({ service: 'mediator', level: config.logLevel });
  const { startMediator } = await loadServices();
  const mediator = await startMediator({ ...toOptions(config), logger });
  if (config.addressFile !== null) await writeFileDurably(config.addressFile, `${mediator.address}\n`, { mode: 0o644 });
  process.stdout.write(`${mediator.address}\n`);
  stopAtSignal(mediator);
}

/** Beside the mediators of the same database: it needs their data directory, and a database that they can share. */
async function work(): Promise<void> {
  const config = readConfig(mediatorConfig, process.env);
  const logger = createLogger({ service: 'mediator-worker', level: config.logLevel });
  const { databaseUrl, ...options } = toOptions(config);
  if (databaseUrl === undefined) {
    throw new PlatformError(
      'mediator.worker-needs-database',
      'A worker needs the database of the mediator that it works for.',
      'Set DATABASE_URL; a mediator with an embedded database does its work itself.',
    );
  }
  const { startWorker } = await loadServices();
  stopAtSignal(await startWorker({ ...options, databaseUrl, scheduling: 'queue', logger }));
}

function stopAtSignal(running: { stop(): Promise<void> }): void {
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      void running.stop().finally(() => process.exit(0));
    });
  }
}

async function credit(args: readonly string[]): Promise<void> {
  const request = readCreditArguments(args);
  const running = toOptions(readConfig(mediatorConfig, process.env));
  const { booked, availableMsat } = await requestCredit(running, request);
  const before = booked ? '' : ' was credited before under this reference';
  process.stdout.write(
    `${request.sats} sat to client ${request.clientId}${before}: it has ${availableMsat / 1000n} sat available.\n`,
  );
}

async function show(args: readonly string[]): Promise<void> {
  const path = readShowArguments(args);
  const running = toOptions(readConfig(mediatorConfig, process.env));
  process.stdout.write(`${await requestShown(running, path)}\n`);
}

async function reconcile(args: readonly string[]): Promise<void> {
  const request = readReconcileArguments(args);
  const running = toOptions(readConfig(mediatorConfig, process.env));
  const { text, differs } = await requestReconciliation(running, request);
  process.stdout.write(text);
  if (differs) process.exitCode = 1;
}

async function payouts(args: readonly string[]): Promise<void> {
  const request = readPayoutsArguments(args);
  const running = toOptions(readConfig(mediatorConfig, process.env));
  process.stdout.write(`${await requestPayouts(running, request)}\n`);
}

const VERBS: Readonly<Record<string, { help: string; run: (args: readonly string[]) => Promise<void> }>> = {
  credit: { help: CREDIT_HELP, run: credit },
  payouts: { help: PAYOUTS_HELP, run: payouts },
  reconcile: { help: RECONCILE_HELP, run: reconcile },
  show: { help: SHOW_HELP, run: show },
  worker: { help: HELP, run: work },
};

const [verb, ...args] = process.argv.slice(2);
if (args.includes('--help') || verb === '--help') {
  process.stdout.write(VERBS[verb ?? '']?.help ?? HELP);
} else {
  (VERBS[verb ?? '']?.run ?? main)(args).catch((error: unknown) => {
    process.stderr.write(
      `${errorText(error)}\n${error instanceof PlatformError || error instanceof HoldfastError ? `${error.next}\n` : ''}`,
    );
    process.exitCode = error instanceof PlatformError && error.code === 'config.invalid' ? 2 : 1;
  });
}
