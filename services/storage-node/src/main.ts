/** The command `holdfast-node`: reads the environment, starts, and stops at a signal. */
import { createLogger, describeConfig, errorText, PlatformError, readConfig, systemClock } from '@holdfast/platform';
import { formatBytes, HoldfastError, shortId } from '@holdfast/protocol';
import { startStorageNode } from './compose.ts';
import { nodeConfig, readMediatorAddress, toOptions } from './config.ts';
import { formatLiabilities, LIABILITIES_HELP, requestLiabilities } from './liabilities-command.ts';
import { formatPayoutAddresses, PAYOUT_ADDRESS_HELP, requestPayoutAddress } from './payout-command.ts';
import { VERSION } from './version.ts';

const HELP = `holdfast-node ${VERSION}: rents out spare disk.

  holdfast-node                            starts it
  holdfast-node payout-address [ADDRESS]   shows where it is paid, or signs another address
  holdfast-node verify-liabilities         sees that its money is counted in what the mediator owes

Settings come from the environment:

${describeConfig(nodeConfig)}`;

async function main(): Promise<void> {
  const config = readConfig(nodeConfig, process.env);
  const logger = createLogger({ service: 'storage-node', level: config.logLevel });
  const mediator = await readMediatorAddress(config, systemClock);
  const options = toOptions(config, mediator);
  const node = await startStorageNode({ ...options, logger });
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      void node.stop().finally(() => process.exit(0));
    });
  }
  process.stdout.write(
    `node ${shortId(node.nodeId)} of ${options.operator} (${options.region}) offers ${formatBytes(options.capacityBytes)} ` +
      `at ${options.priceSatPerTbMonth} sat/TB·month on ${(options.addresses ?? [node.address]).join(', ')}; ` +
      `data in ${node.dataDir}\n`,
  );
}

async function payoutAddress(args: readonly string[]): Promise<void> {
  const config = readConfig(nodeConfig, process.env);
  const options = toOptions(config, await readMediatorAddress(config, systemClock));
  process.stdout.write(formatPayoutAddresses(await requestPayoutAddress(options, args), systemClock.nowMs()));
}

async function verifyLiabilities(args: readonly string[]): Promise<void> {
  const config = readConfig(nodeConfig, process.env);
  const options = toOptions(config, await readMediatorAddress(config, systemClock));
  process.stdout.write(formatLiabilities(await requestLiabilities(options, args)));
}

const VERBS: Readonly<Record<string, { help: string; run: (args: readonly string[]) => Promise<void> }>> = {
  'payout-address': { help: PAYOUT_ADDRESS_HELP, run: payoutAddress },
  'verify-liabilities': { help: LIABILITIES_HELP, run: verifyLiabilities },
};

const [verb, ...args] = process.argv.slice(2);
if (process.argv.includes('--help')) {
  process.stdout.write(VERBS[verb ?? '']?.help ?? HELP);
} else {
  (VERBS[verb ?? '']?.run ?? main)(args).catch((error: unknown) => {
    const next = error instanceof PlatformError || error instanceof HoldfastError ? `${error.next}\n` : '';
    process.stderr.write(`${errorText(error)}\n${next}`);
    process.exit(exitCodeOf(error));
  });
}

function exitCodeOf(error: unknown): number {
  if (error instanceof PlatformError && error.code === 'config.invalid') return 2;
  return error instanceof HoldfastError && error.code.startsWith('liabilities.') ? error.exitCode : 1;
}
