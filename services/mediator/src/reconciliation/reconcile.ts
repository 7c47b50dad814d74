/** Compares ledger and chain now: reads both while nothing moves, judges, books what explains itself, keeps the outcome. */
import type { Clock, Logger } from '@holdfast/platform';
import { outpointKey } from '@holdfast/bitcoin';
import type { Outpoint, PaymentRail, Tip } from '../rail/index.ts';
import { type Evidence, type Fate, judgeBooks, type JudgeRules, openTransactions } from './judge-books.ts';
import type { Findings, Line, Reconciliation, ReconciliationStore, WalletOutput, WatchedWallet } from './ports.ts';

export interface ReconcileOptions {
  readonly store: ReconciliationStore;
  readonly rail: PaymentRail;
  /** Those that are watched; none: nothing is to be compared. */
  readonly wallets: () => Promise<readonly WatchedWallet[]>;
  /** Lets deposits follow the chain first, so that the books are as new as it is. */
  readonly catchUp: () => Promise<void>;
  readonly rules: JudgeRules;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Why there was nothing to compare. `moved`: blocks came faster than both could be read. */
export type Unreconciled = 'busy' | 'no-wallets' | 'rail-not-ready' | 'moved';

/** A spend so deep is not asked for again. */
const SETTLED_CONFIRMATIONS = 100;
const MAX_LOOKS = 6;

/** @throws HoldfastError `rail.away`, `rail.syncing`, `rail.wrong-network` when the rail goes away meanwhile */
export const reconcile = async (options: ReconcileOptions): Promise<Reconciliation | Unreconciled> =>
  (await options.store.alone(() => run(options))) ?? 'busy';

async function run(options: ReconcileOptions): Promise<Reconciliation | Unreconciled> {
  const { store, rail, clock, logger } = options;
  if ((await rail.state()).state !== 'ready') return 'rail-not-ready';
  // The first look at the chain is what makes a wallet watched.
  await options.catchUp();
  const wallets = await options.wallets();
  if (wallets.length === 0) return 'no-wallets';
  let last: Findings | undefined;
  for (let look = 0; look < MAX_LOOKS; look += 1) {
    const seen = await lookAtBoth(options, wallets);
    if (seen === undefined) continue;
    const { evidence, tip } = seen;
    const { pending, differences, bookings } = judgeBooks(evidence, options.rules);
    const findings: Findings = {
      checkedAtMs: clock.nowMs(),
      tip,
      chainSats: evidence.audited.reduce((sum, { sats }) => sum + sats, 0n),
      ledgerMsat: evidence.books.ledgerMsat,
      pending,
      differences,
    };
    let isBooked = false;
    for (const booking of bookings) isBooked = (await store.book(booking, clock.nowMs())) || isBooked;
    // A difference counts when it is there twice: what was only on its way between two rows is not there the second time.
    const isSure = differences.length === 0 || (last !== undefined && sameLines(last, findings));
    if (!isBooked && isSure) return keep(options, findings);
    last = findings;
  }
  if (last === undefined) return 'moved';
  logger.warn({ differences: last.differences.length }, 'ledger and chain did not stand still for a second look');
  return keep(options, last);
}

/** What differs at this moment, without keeping anything; undefined when the chain cannot be looked at just now. */
export async function lookNow(options: ReconcileOptions): Promise<readonly Line[] | undefined> {
  if ((await options.rail.state()).state !== 'ready') return undefined;
  const seen = await lookAtBoth(options, await options.wallets());
  return seen && judgeBooks(seen.evidence, options.rules).differences;
}

const sameLines = (a: Findings, b: Findings): boolean => text(a) === text(b);
const text = ({ differences }: Findings): string =>
  differences
    .map(({ subject, what, sats }) => `${subject} ${sats} ${what}`)
    .toSorted()
    .join('\n');

async function keep({ store, logger }: ReconcileOptions, findings: Findings): Promise<Reconciliation> {
  const kept = await store.note(findings);
  const { number, chainSats, pendingSats, differences } = kept;
  const shown = { number, chainSats: String(chainSats), pendingSats: String(pendingSats) };
  if (differences.length === 0) logger.info(shown, 'ledger and chain agree');
  else {
    logger.error(
      { ...shown, differences: differences.map(({ subject, what, sats }) => ({ subject, what, sats: String(sats) })) },
      'ledger and chain differ: payouts are stopped until an admin resolves it',
    );
  }
  return kept;
}

/** Undefined when the chain moved meanwhile. */
async function lookAtBoth(
  options: ReconcileOptions,
  wallets: readonly WatchedWallet[],
): Promise<{ evidence: Evidence; tip: Tip } | undefined> {
  const { store, rail } = options;
  await options.catchUp();
  for (const { name } of wallets) {
    const { seen, gone, cursor } = await rail.sightings(name, await store.cursor(name));
    await store.noteOutputs(name, seen, gone, cursor);
  }
  const { outputs: audited, tip } = await rail.audit(wallets.flatMap(({ descriptors }) => descriptors));
  const outputs = await withFates(options, await store.outputs(), audited);
  const books = await store.books();
  const evidence = { audited, outputs, books };
  const depths = new Map<string, number | undefined>();
  for (const txid of openTransactions(evidence)) depths.set(txid, (await rail.transaction(txid))?.confirmations);
  const now = await rail.state();
  if (now.state !== 'ready' || now.tip.hash !== tip.hash) return undefined;
  return { evidence: { ...evidence, depthOf: (txid) => depths.get(txid) }, tip };
}

/** What the audit has is unspent. Of the rest the wallets are asked, until it is too deep to change. */
async function withFates(
  { store, rail }: ReconcileOptions,
  outputs: readonly WalletOutput[],
  audited: readonly Outpoint[],
): Promise<(WalletOutput & { fate: Fate })[]> {
  const unspent = new Set(audited.map(outpointKey));
  const settled: (Outpoint & { spentBy: string })[] = [];
  const fated: (WalletOutput & { fate: Fate })[] = [];
  for (const output of outputs) {
    if (unspent.has(outpointKey(output))) fated.push({ ...output, fate: { is: 'unspent' } });
    else if (output.spentBy !== undefined) fated.push({ ...output, fate: { is: 'spent', by: output.spentBy } });
    else {
      const spender = await rail.spender(output);
      const isSpent = spender !== undefined && spender.confirmations > 0;
      fated.push({ ...output, fate: isSpent ? { is: 'spent', by: spender.txid } : { is: 'absent' } });
      if (isSpent && spender.confirmations >= SETTLED_CONFIRMATIONS) settled.push({ ...output, spentBy: spender.txid });
    }
  }
  await store.noteSpent(settled);
  return fated;
}
