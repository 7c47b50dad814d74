/**
 * npm start [-- DIR] [-- --once]: a whole market on this machine. Backs DIR up to eight of nine storage nodes, kills four of
 * them, restores from the other four into a fresh directory, compares everything, shows how nodes prove what they hold and
 * are paid for it, catches three that go wrong, and stays up to be explored. With a Bitcoin node on regtest, where one can be
 * had: the client pays in and the nodes are paid out over the chain.
 */
import { randomBytes } from 'node:crypto';
import { realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatBytes, formatCount, msat } from '@holdfast/protocol';
import { compareTrees } from '@holdfast/testkit';
import { type Admin, signInAsAdmin } from './admin.ts';
import { type Chain, startChain } from './chain.ts';
import { createCli, type HoldfastCli } from './client.ts';
import { type DemoNode, type Market, PERIOD_MS, priceFactor, startMarket } from './market.ts';
import { showHowToExplore } from './explore.ts';
import { keepTranscripts, showCheating, showPay } from './proving.ts';
import { payIn, showBooks, showPayouts } from './paying.ts';
import { bad, count, fact, good, rate, satsOf, say, seconds, step, table } from './report.ts';
import { diskNeeded, freeBytes, survey, type Survey } from './survey.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOME = join(ROOT, '.holdfast-demo');
const KILLED = 4;
/** Of regtest's worthless money, where there is no chain. */
const CREDIT_SATS = 300_000_000_000;
/** Mandates have limits; this one is not what the demo is about. */
const MOST = { price: '9999999999999999', sats: '2100000000000000' } as const;

/** Ends the demo with a sentence instead of a stack trace. */
class DemoProblem extends Error {}

interface Paths {
  source: string;
  client: string;
  passphrase: string;
  sheet: string;
  restored: string;
}

const paths = (source: string): Paths => ({
  source,
  client: join(HOME, 'client'),
  passphrase: join(HOME, 'passphrase'),
  sheet: join(HOME, 'recovery-sheet.txt'),
  restored: join(HOME, 'restored'),
});

function sourceDirectory(given: string | undefined): string {
  // npm runs this in the clone, but the directory was named from where the person stands
  const from = process.env['INIT_CWD'] ?? process.cwd();
  const path = given === undefined ? join(ROOT, 'libs') : resolve(from, given);
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isDirectory() !== true) throw new DemoProblem(`${path} is not a directory. Name one: npm start -- DIR`);
  return realpathSync(path);
}

async function checkRoom(source: string): Promise<Survey> {
  const found = await survey(source);
  const needed = diskNeeded(found);
  const free = await freeBytes(HOME);
  step(source);
  fact(
    `${count(found.files, 'file')} in ${count(found.directories, 'directory', 'directories')}, ${formatBytes(found.bytes)}` +
      (found.others > 0 ? `, and ${count(found.others, 'link or special file', 'links and special files')}` : ''),
  );
  fact(`The demo needs about ${formatBytes(needed)} of disk in ${HOME} while it runs; ${formatBytes(free)} are free.`);
  if (free < needed) throw new DemoProblem(`That is not enough room. Choose a smaller directory: npm start -- DIR`);
  return found;
}

async function result(cli: HoldfastCli, args: string[], signal: AbortSignal): Promise<Record<string, unknown>> {
  const { exitCode, lines } = await cli.run(args, signal);
  signal.throwIfAborted();
  const last = lines.findLast((line) => line['type'] === 'result');
  // 3: done, but some files could not be read; the report says which
  if ((exitCode !== 0 && exitCode !== 3) || last === undefined) {
    const error = lines.findLast((line) => line['type'] === 'error') as { message: string; next: string } | undefined;
    const why = error === undefined ? `status ${exitCode}` : `${error.message} ${error.next}`;
    throw new DemoProblem(`holdfast ${args[0]} failed: ${why}`);
  }
  return last;
}

interface QuoteResult {
  monthlyCostMsat: string;
  restoreCostMsat: string;
  storedBytes: number;
  chosen: { nodeId: string; operator: string; priceSatPerTbMonth: string }[];
  refused: { operator: string; sentence: string }[];
}

function showQuote(quote: QuoteResult, { nodes, factor }: Market): void {
  step('Where it goes: the eight cheapest of nine nodes, any four of which are enough (4+4)');
  table([
    ['operator', 'sat/TB·month', 'address', 'node'],
    ...quote.chosen.map((chosen) => {
      const node = nodes.find(({ nodeId }) => nodeId === chosen.nodeId)!;
      return [
        chosen.operator,
        formatCount(BigInt(chosen.priceSatPerTbMonth) / factor),
        node.address,
        `${node.nodeId.slice(0, 8)}…`,
      ];
    }),
  ]);
  for (const refused of quote.refused) fact(`not ${refused.operator}: ${refused.sentence}`);
  if (factor > 1n) fact(`All prices times ${formatCount(factor)} here, so that ten seconds of it earn something.`);
  fact(
    `Stored ${formatBytes(quote.storedBytes)} with redundancy: ${satsOf(quote.monthlyCostMsat)} sat a month, restoring it ${satsOf(quote.restoreCostMsat)} sat.`,
  );
}

async function compare(place: Paths): Promise<boolean> {
  const { compared, differences } = await compareTrees(place.source, join(place.restored, place.source));
  if (differences.length === 0) {
    good(
      `${count(compared, 'entry', 'entries')} compared: names, types, every byte, modes, times, links. All identical.`,
    );
    return true;
  }
  bad(`${count(differences.length, 'difference')} in ${count(compared, 'entry', 'entries')}:`);
  for (const { path, what } of differences.slice(0, 20)) fact(`  ${path}: ${what}`);
  fact('A file that changed while the demo ran shows up here too.');
  return false;
}

function showUnreadable(backup: Record<string, unknown>): void {
  const unreadable = (backup['unreadable'] ?? []) as { path: string; detail: string }[];
  if (unreadable.length === 0) return;
  fact(`${count(unreadable.length, 'entry', 'entries')} could not be read and is not in the backup:`);
  for (const { path, detail } of unreadable.slice(0, 10)) fact(`  ${path}: ${detail}`);
}

/** What all of the demo works with. */
interface Stage {
  readonly market: Market;
  /** Absent: there is no Bitcoin node to be had. */
  readonly chain?: Chain;
  readonly admin: Admin;
  readonly place: Paths;
  readonly cli: HoldfastCli;
  readonly signal: AbortSignal;
}

interface Outcome {
  readonly matched: boolean;
  readonly clientId: string;
  readonly holders: readonly DemoNode[];
}

/** Makes the client, gives it money. */
async function begin({ market, chain, admin, place, cli, signal }: Stage): Promise<string> {
  const terms = ['--policy', '4+4', '--max-price', MOST.price, '--spend-limit', MOST.sats];
  const init = ['init', '--mediator', market.mediator.address, ...terms, '--words-file', place.sheet];
  const clientId = String((await result(cli, init, signal))['clientId']);
  if (chain !== undefined) {
    const paying = { admin, chain, clientId, signal, holdfast: (...args: string[]) => result(cli, args, signal) };
    if (!(await payIn(paying))) throw new DemoProblem('Without money nothing can be stored; see above.');
    return clientId;
  }
  const credit = { clientId, amountMsat: msat(BigInt(CREDIT_SATS) * 1000n) };
  await market.mediator.credit({ ...credit, reference: 'demo', note: 'for the demo' });
  fact(
    `The mediator's admin credits the new client ${count(CREDIT_SATS, 'sat', 'sat')} of regtest's worthless money: ` +
      'storing is paid a month ahead.',
  );
  return clientId;
}

/** Backup, disaster, restore. */
async function journey(stage: Stage, found: Survey): Promise<Outcome> {
  const { market, place, cli, signal } = stage;
  const clientId = await begin(stage);
  await result(cli, ['add', place.source], signal);
  showQuote((await result(cli, ['quote', '--bytes', String(found.bytes)], signal)) as unknown as QuoteResult, market);

  step('Backup');
  const started = performance.now();
  const backup = await result(cli, ['backup'], signal);
  const backupMs = performance.now() - started;
  good(`${formatBytes(found.bytes)} in ${seconds(backupMs)} (${rate(found.bytes, backupMs)}), sealed on this machine.`);
  const storedBytes = Number(backup['storedBytes'] ?? 0);
  fact(
    `The nodes hold ${formatBytes(storedBytes)}: deduplicated, compressed, then twice` +
      `${storedBytes > 2 * found.bytes ? ', and padded, so that a small backup does not tell its size' : ''}. ` +
      'Every shard was fsynced and receipted.',
  );
  showUnreadable(backup);

  const quote = (await result(cli, ['quote', '--bytes', String(found.bytes)], signal)) as unknown as QuoteResult;
  const holders = market.nodes.filter(({ nodeId }) => quote.chosen.some((chosen) => chosen.nodeId === nodeId));
  const victims = holders.slice(0, KILLED);
  step(`Disaster: kill -9 to four of the eight holders (${victims.map(({ operator }) => operator).join(', ')})`);
  await Promise.all(victims.map((node) => node.process.kill()));
  good('gone.');

  step('Restore from the other four');
  const restoreStarted = performance.now();
  await result(cli, ['restore', '--target', place.restored], signal);
  const restoreMs = performance.now() - restoreStarted;
  good(
    `${formatBytes(found.bytes)} in ${seconds(restoreMs)} (${rate(found.bytes, restoreMs)}) into ${relative(ROOT, place.restored)}/`,
  );
  const matched = await compare(place);

  await Promise.all(victims.map((node) => market.restart(node)));
  fact('The four nodes are up again, on the disks they had.');
  const holderIds = new Set(holders.map(({ nodeId }) => nodeId));
  return { matched, clientId, holders: market.nodes.filter(({ nodeId }) => holderIds.has(nodeId)) };
}

/** Challenges and pay; true when every node was judged as it deserved. */
async function proving(stage: Stage, { holders }: Outcome, isToExplore: boolean): Promise<boolean> {
  const { market, admin, signal } = stage;
  const options = { admin, holders, directory: HOME, signal };
  step(`Every ${PERIOD_MS / 1000} seconds each node proves what it holds, and is paid for it (in earnest: every hour)`);
  if (!(await showPay(options))) return false;
  step('Three of them go wrong');
  const villains = holders.slice(KILLED, KILLED + 3);
  const isJust = await showCheating(options, villains);
  if (isJust && isToExplore) {
    await keepTranscripts(options, villains);
    await market.join('frances');
    await market.join('tony');
    fact('Two new nodes join, so that there are enough again for the next backup.');
  }
  return isJust;
}

/** What was earned is paid out, and the books agree with the chain; true without a chain, too. */
async function settling({ chain, admin, cli, signal }: Stage, { holders, clientId }: Outcome): Promise<boolean> {
  if (chain === undefined) return true;
  const holdfast = (...args: string[]) => result(cli, args, signal);
  const paying = { admin, chain, clientId, signal, holdfast };
  return (await showPayouts(paying, holders)) && (await showBooks(paying));
}

function verdictOf(matched: boolean, isJust: boolean, isPaid: boolean): string {
  if (!matched) return 'What came back is not what went out; see above.';
  if (!isJust) return 'Everything came back, but not every node was judged as it deserved; see above.';
  return isPaid
    ? 'It held fast: half of the disks were gone and nothing was lost; three went wrong, and nobody paid for it.'
    : 'Everything came back and every node was judged, but the money is not where it should be; see above.';
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: { once: { type: 'boolean', default: false } },
    allowPositionals: true,
  });
  const place = paths(sourceDirectory(positionals[0]));
  if (`${HOME}/`.startsWith(`${place.source}/`))
    throw new DemoProblem('That directory holds this demo itself. Choose another: npm start -- DIR');
  rmSync(HOME, { recursive: true, force: true });
  await mkdir(HOME, { mode: 0o711 }); // Postgres as its own user passes through; everything else in it is 0600 or 0700
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => stopped.abort(new DemoProblem('Stopped.')));

  const found = await checkRoom(place.source);
  writeFileSync(place.passphrase, `${randomBytes(12).toString('base64url')}\n`, { mode: 0o600 });
  const begun = await startChain(HOME);
  const chain = 'reason' in begun ? undefined : begun;
  try {
    if ('reason' in begun) fact(`No Bitcoin here, so an admin credits the client instead: ${begun.reason}`);
    return await play(place, found, { chain, signal: stopped.signal, isOnce: values.once });
  } finally {
    await chain?.stop();
  }
}

interface Play {
  readonly chain: Chain | undefined;
  readonly signal: AbortSignal;
  readonly isOnce: boolean;
}

async function play(place: Paths, found: Survey, { chain, signal, isOnce }: Play): Promise<number> {
  step('A market: one mediator with its own Postgres, nine storage nodes of nine operators');
  const started = performance.now();
  const capacityBytes = Math.ceil(2.2 * found.bytes) + 500_000_000;
  const options = { capacityBytes, factor: priceFactor(found.bytes), ...(chain !== undefined && { chain }) };
  const market = await startMarket(HOME, options);
  try {
    good(`up after ${seconds(performance.now() - started)}, ${market.mediator.address.slice(0, 48)}…`);
    const admin = await signInAsAdmin(market.mediator, market.mediatorDir);
    const cli = createCli(place.client, place.passphrase);
    const stage: Stage = { market, admin, place, cli, signal, ...(chain !== undefined && { chain }) };
    const outcome = await journey(stage, found);
    const isJust = outcome.matched && (await proving(stage, outcome, !isOnce));
    const isPaid = isJust && (await settling(stage, outcome));
    step(verdictOf(outcome.matched, isJust, isPaid));
    if (!isOnce && isPaid) {
      const { clientId, holders } = outcome;
      const suspects = holders.slice(KILLED, KILLED + 2).map(({ operator }) => operator);
      await showHowToExplore({ root: ROOT, home: HOME, ...place, market, chain, clientId, suspects });
      step('Ctrl-C ends everything.');
      if (!signal.aborted) await new Promise((done) => signal.addEventListener('abort', done));
      say();
    }
    return isPaid ? 0 : 1;
  } finally {
    await market.stop();
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  if (!(error instanceof DemoProblem)) throw error;
  say(`\n${error.message}`);
  process.exitCode = 1;
}
