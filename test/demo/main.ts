/**
 * npm start [-- DIR] [-- --once]: a whole market on this machine. Backs DIR up to eight of nine storage nodes, kills four of
 * them, restores from the other four into a fresh directory, compares everything, shows how nodes prove what they hold and
 * are paid for it, catches three that go wrong, and stays up to be explored.
 */
import { randomBytes } from 'node:crypto';
import { realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { formatBytes, msat } from '@holdfast/protocol';
import { compareTrees } from '@holdfast/testkit';
import { signInAsAdmin } from './admin.ts';
import { createCli, type HoldfastCli } from './client.ts';
import { type DemoNode, type Market, PERIOD_MS, priceFactor, startMarket } from './market.ts';
import { keepTranscripts, showCheating, showPay } from './proving.ts';
import { bad, count, fact, good, rate, satsOf, say, seconds, step, table } from './report.ts';
import { diskNeeded, freeBytes, survey, type Survey } from './survey.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const HOME = join(ROOT, '.holdfast-demo');
const KILLED = 4;
/** Of regtest's worthless money. */
const CREDIT_SATS = 1_000_000_000;
/** Mandates have limits; this one is not what the demo is about. */
const MOST_SATS = '900000000000000';

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

function showQuote(quote: QuoteResult, nodes: readonly DemoNode[]): void {
  step('Where it goes: the eight cheapest of nine nodes, any four of which are enough (4+4)');
  table([
    ['operator', 'price', 'address', 'node'],
    ...quote.chosen.map((chosen) => {
      const node = nodes.find(({ nodeId }) => nodeId === chosen.nodeId)!;
      return [
        chosen.operator,
        `${Number(chosen.priceSatPerTbMonth).toLocaleString('en-GB')} sat/TB·month`,
        node.address,
        `${node.nodeId.slice(0, 8)}…`,
      ];
    }),
  ]);
  for (const refused of quote.refused) fact(`not ${refused.operator}: ${refused.sentence}`);
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

interface Outcome {
  readonly matched: boolean;
  readonly clientId: string;
  readonly holders: readonly DemoNode[];
}

/** Backup, disaster, restore. */
async function journey(market: Market, place: Paths, found: Survey, signal: AbortSignal): Promise<Outcome> {
  const cli = createCli(place.client, place.passphrase);
  const terms = ['--policy', '4+4', '--max-price', MOST_SATS, '--spend-limit', MOST_SATS];
  const init = ['init', '--mediator', market.mediator.address, ...terms, '--words-file', place.sheet];
  const { clientId } = await result(cli, init, signal);
  const credit = { clientId: String(clientId), amountMsat: msat(BigInt(CREDIT_SATS) * 1000n) };
  await market.mediator.credit({ ...credit, reference: 'demo', note: 'for the demo' });
  fact(
    `The mediator's admin credits the new client ${count(CREDIT_SATS, 'sat', 'sat')} of regtest's worthless money: ` +
      'storing is paid a month ahead.',
  );
  await result(cli, ['add', place.source], signal);
  showQuote(
    (await result(cli, ['quote', '--bytes', String(found.bytes)], signal)) as unknown as QuoteResult,
    market.nodes,
  );

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
  return { matched, clientId: String(clientId), holders: market.nodes.filter(({ nodeId }) => holderIds.has(nodeId)) };
}

/** Challenges and pay; true when every node was judged as it deserved. */
async function proving(
  market: Market,
  holders: readonly DemoNode[],
  { signal, isToExplore }: { signal: AbortSignal; isToExplore: boolean },
): Promise<boolean> {
  const admin = await signInAsAdmin(market.mediator, market.mediatorDir);
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

function showHowToExplore(market: Market, place: Paths, { clientId, holders }: Outcome): void {
  const home = relative(ROOT, place.client);
  step('Explore (in this directory, while this runs)');
  say(`  export HOLDFAST_HOME="${home}" HOLDFAST_PASSPHRASE_FILE="${relative(ROOT, place.passphrase)}"`);
  for (const line of [
    'status',
    'balance',
    'mandate',
    'snapshots',
    'ls -l',
    'quote',
    'check --read-data',
    'backup',
    'restore --target /tmp/holdfast-restored',
  ]) {
    say(`  ./holdfast ${line}`);
  }
  for (const { operator } of holders.slice(KILLED, KILLED + 2)) {
    say(`  ./holdfast verify-transcript "${relative(ROOT, join(HOME, `challenge-${operator}.json`))}"`);
  }
  const listen = new URL(market.mediator.baseUrl).host;
  say(
    `  HOLDFAST_MEDIATOR_DATA_DIR="${relative(ROOT, market.mediatorDir)}" HOLDFAST_MEDIATOR_LISTEN=${listen} ` +
      `./holdfast-mediator credit ${clientId} 1000 --note 'a present'`,
  );
  say(
    `  HOLDFAST_HOME="${relative(ROOT, join(HOME, 'new-machine'))}" ./holdfast recover --mediator '${market.mediator.address}' --words-file "${relative(ROOT, place.sheet)}"`,
  );
  fact('');
  fact(`mediator        ${market.mediator.baseUrl}/docs   (its certificate is its own: your browser will ask)`);
  fact(`health, metrics ${market.mediator.opsUrl}/readyz  ${market.mediator.opsUrl}/metrics`);
  fact(`a node          https://${market.nodes[0]!.address}/docs`);
  fact(`recovery sheet  ${relative(ROOT, place.sheet)}     logs  ${relative(ROOT, join(HOME, 'logs'))}/`);
}

function verdictOf(matched: boolean, isJust: boolean): string {
  if (!matched) return 'What came back is not what went out; see above.';
  return isJust
    ? 'It held fast: half of the disks were gone and nothing was lost; three went wrong, and nobody paid for it.'
    : 'Everything came back, but not every node was judged as it deserved; see above.';
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
  step('A market: one mediator with its own Postgres, nine storage nodes of nine operators');
  const started = performance.now();
  const factor = priceFactor(found.bytes);
  const market = await startMarket(HOME, Math.ceil(2.2 * found.bytes) + 500_000_000, factor);
  try {
    good(`up after ${seconds(performance.now() - started)}, ${market.mediator.address.slice(0, 48)}…`);
    if (factor > 1n) {
      fact(
        `The nodes ask ${factor.toLocaleString('en-GB')} times what real ones do, so that ten seconds earn something.`,
      );
    }
    const outcome = await journey(market, place, found, stopped.signal);
    const isJust =
      outcome.matched &&
      (await proving(market, outcome.holders, { signal: stopped.signal, isToExplore: !values.once }));
    step(verdictOf(outcome.matched, isJust));
    if (!values.once && isJust) {
      showHowToExplore(market, place, outcome);
      step('Ctrl-C ends everything.');
      if (!stopped.signal.aborted) await new Promise((done) => stopped.signal.addEventListener('abort', done));
      say();
    }
    return isJust ? 0 : 1;
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
