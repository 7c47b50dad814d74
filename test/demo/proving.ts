/** Every period each node proves what it holds and is paid; then three of them go wrong, each in its own way, and are caught. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes } from '@holdfast/protocol';
import type { Admin, Challenge, NamedShard, Settlement } from './admin.ts';
import { type DemoNode, PERIOD_MS } from './market.ts';
import { bad, count, fact, good, satsOf, seconds, table } from './report.ts';
import { type Damage, deleteShards, flipBytes } from './sabotage.ts';
import { PATIENCE_MS, until } from './until.ts';

const SHOWN_PERIODS = 3;
/** From the end of a period until its secret is in the open. */
const DISCLOSURE_MS = 2_000;

export interface ProvingOptions {
  readonly admin: Admin;
  /** Those that hold shards, all of them up. */
  readonly holders: readonly DemoNode[];
  /** Transcripts go there. */
  readonly directory: string;
  readonly signal: AbortSignal;
}

const paidMsat = ({ earnedMsat, withheldMsat }: Settlement): bigint => BigInt(earnedMsat) + BigInt(withheldMsat);
/** All three digits, so that columns can be compared. */
const satText = (amountMsat: bigint): string => `${(Number(amountMsat) / 1000).toFixed(3)} sat`;

/** True when every node that holds something has proven it and was paid for it. */
export async function showPay({ admin, holders, signal }: ProvingOptions): Promise<boolean> {
  const firstPeriod = Math.ceil(Date.now() / PERIOD_MS);
  const readAll = () => Promise.all(holders.map(({ nodeId }) => admin.settlements(nodeId)));
  const isPaid = (list: readonly Settlement[]): boolean =>
    list.some((settlement) => settlement.period >= firstPeriod && paidMsat(settlement) > 0n);
  const settledIn = (list: readonly Settlement[]): number => list.filter(({ period }) => period >= firstPeriod).length;
  const seen = await until(signal, readAll, (lists) =>
    lists.every((list) => settledIn(list) >= SHOWN_PERIODS && isPaid(list)),
  );
  if (seen === undefined) {
    bad(`After ${seconds(PATIENCE_MS)} not every node had been asked and paid: this machine may be too busy for it.`);
  }
  const lists = seen ?? (await readAll());
  const last = Math.min(...lists.map((list) => list[0]?.period ?? firstPeriod));
  const periods = Array.from({ length: SHOWN_PERIODS }, (_, index) => last - SHOWN_PERIODS + 1 + index);
  const rows = await Promise.all(
    holders.map(async ({ operator, nodeId }, index) => {
      const [{ storedBytes }, earnings, payouts] = await Promise.all([
        admin.standing(nodeId),
        admin.earnings(nodeId),
        admin.payouts(nodeId),
      ]);
      const paidOutSats = payouts.reduce((sum, { grossSats }) => sum + BigInt(grossSats), 0n);
      const cells = periods.map((period) => verdictCell(lists[index]!.find((settled) => settled.period === period)));
      const sums = [BigInt(earnings.earnedMsat) + paidOutSats * 1_000n, BigInt(earnings.withheldMsat)];
      return [operator, formatBytes(storedBytes), ...cells, ...sums.map((amount) => satText(amount))];
    }),
  );
  table([['operator', 'holds', ...periods.map((period) => clockOf(period)), 'earned', 'kept back'], ...rows]);
  fact('Kept back: three quarters while a node is new, a quarter later, as cover for repairs. 5 % are the mediator’s.');
  return seen !== undefined;
}

const clockOf = (period: number): string => new Date(period * PERIOD_MS).toISOString().slice(11, 19);

function verdictCell(settled: Settlement | undefined): string {
  if (settled === undefined) return 'not asked';
  return `${settled.verdict} ${satText(paidMsat(settled))}`;
}

interface Villain {
  readonly node: DemoNode;
  readonly did: string;
  readonly expected: 'failed' | 'missed';
  readonly damage?: Damage;
  readonly sinceMs: number;
}

interface Caught {
  readonly challenge: Challenge;
  readonly settled: Settlement;
  readonly named: readonly NamedShard[];
  readonly transcript: string;
}

/** True when each of three nodes was caught as what it is and not paid, and the ledger balances. */
export async function showCheating(options: ProvingOptions, villains: readonly DemoNode[]): Promise<boolean> {
  const [deleter, flipper, sleeper] = villains as [DemoNode, DemoNode, DemoNode];
  try {
    const list = goWrong(deleter, flipper, sleeper);
    const found = await Promise.all(list.map((villain) => waitForVerdict(options, villain)));
    const fair = list.map((villain, index) => judgeCatch(villain, found[index])).every(Boolean);
    return (await showEnd(options, list, found)) && fair;
  } finally {
    sleeper.process.child.kill('SIGCONT');
  }
}

function goWrong(deleter: DemoNode, flipper: DemoNode, sleeper: DemoNode): Villain[] {
  const deleted = deleteShards(deleter.dataDir);
  fact(`${deleter.operator} deletes ${count(deleted.count, 'shard')} and says nothing.`);
  const deletedAtMs = Date.now();
  const flipped = flipBytes(flipper.dataDir);
  fact(`${flipper.operator} has a bad disk: ${count(flipped.count, 'bit')} flipped in what it holds.`);
  const flippedAtMs = Date.now();
  sleeper.process.child.kill('SIGSTOP');
  fact(`${sleeper.operator} falls asleep (SIGSTOP): its line is open, but nobody answers.`);
  return [
    { node: deleter, did: 'deleted a shard', expected: 'failed', damage: deleted, sinceMs: deletedAtMs },
    { node: flipper, did: 'flipped a bit', expected: 'failed', damage: flipped, sinceMs: flippedAtMs },
    { node: sleeper, did: 'fell asleep', expected: 'missed', sinceMs: Date.now() },
  ];
}

/** The first verdict about a question that came after the deed, and found something. */
async function waitForVerdict(
  { admin, directory, signal }: ProvingOptions,
  { node, sinceMs }: Villain,
): Promise<Caught | undefined> {
  const isCatch = ({ issuedAtMs = 0, outcome }: Challenge): boolean =>
    issuedAtMs > sinceMs && outcome !== undefined && outcome !== 'passed';
  const ask = async (): Promise<Omit<Caught, 'named' | 'transcript'> | undefined> => {
    const challenge = (await admin.challenges(node.nodeId)).findLast(isCatch);
    const settled = (await admin.settlements(node.nodeId)).find(({ period }) => period === challenge?.period);
    return challenge !== undefined && settled !== undefined ? { challenge, settled } : undefined;
  };
  const caught = await until(signal, ask, (answer) => answer !== undefined);
  if (caught === undefined) return undefined;
  const { text, named } = await admin.evidence(caught.challenge.challengeId);
  const transcript = join(directory, `challenge-${node.operator}.json`);
  writeFileSync(transcript, text, { mode: 0o600 });
  return { ...caught, named, transcript };
}

/** Says how it was caught, or what is wrong with that; true when all is as it should be. */
function judgeCatch(
  { node: { operator }, did, expected, damage, sinceMs }: Villain,
  caught: Caught | undefined,
): boolean {
  if (caught === undefined) {
    bad(
      `${operator}, which ${did}, was not caught within ${seconds(PATIENCE_MS)}: this machine may be too busy for it.`,
    );
    return false;
  }
  const { challenge, settled, named } = caught;
  if (challenge.outcome !== expected || settled.verdict !== expected) {
    bad(`${operator}, which ${did}, should have ${expected}, but it ${challenge.outcome} (${settled.verdict}).`);
    return false;
  }
  const shards = named.map(({ packId, shardIndex }) => `${packId}-${shardIndex}`);
  if (
    damage === undefined ? named.length > 0 : named.length === 0 || !shards.every((shard) => damage.shards.has(shard))
  ) {
    bad(`The verdict about ${operator}, which ${did}, names ${shards.join(', ') || 'no shard'}: the wrong ones.`);
    return false;
  }
  if (paidMsat(settled) !== 0n) {
    bad(`${operator}, which ${did}, was paid ${satText(paidMsat(settled))} for that period.`);
    return false;
  }
  good(
    `${operator} ${did}: ${expected}, found after ${seconds((challenge.judgedAtMs ?? sinceMs) - sinceMs)}, not paid.`,
  );
  return true;
}

/** Every holder in the period in which it was caught, or in the last one; true when nobody honest failed and it balances. */
async function showEnd(
  { admin, holders }: ProvingOptions,
  villains: readonly Villain[],
  found: readonly (Caught | undefined)[],
): Promise<boolean> {
  const caughtIn = Math.max(0, ...found.map((caught) => caught?.settled.period ?? 0));
  let isFair = true;
  const rows = await Promise.all(
    holders.map(async ({ operator, nodeId }) => {
      const at = villains.findIndex(({ node }) => node.nodeId === nodeId);
      const [settlements, { state }] = await Promise.all([admin.settlements(nodeId), admin.standing(nodeId)]);
      const settled = found[at]?.settled ?? settlements.find(({ period }) => period <= caughtIn);
      if (at < 0 && settlements.some(({ verdict }) => verdict === 'failed')) isFair = false;
      const what = villains[at]?.did ?? 'is honest';
      return [
        operator,
        what,
        settled?.verdict ?? 'not asked',
        describe(found[at]?.named),
        settled === undefined ? '' : satText(paidMsat(settled)),
        state,
      ];
    }),
  );
  table([['operator', 'what it did', 'verdict', 'lost, by the verdict', 'paid', 'standing'], ...rows]);
  if (rows.some((row) => row.at(-1) === 'disqualified')) {
    fact(
      'So large a share lost disqualifies a new node at once; one shard of a thousand costs it little: docs/market.md.',
    );
  }
  if (!isFair) bad('An honest node failed.');
  return (await showLedger(admin)) && isFair;
}

const FAULTS: Readonly<Record<string, string>> = {
  absent: 'it admits that',
  mismatch: 'not what was stored',
  'late-report': 'said when asked',
};

const describe = (named: readonly NamedShard[] | undefined): string =>
  (named ?? [])
    .slice(0, 2)
    .map(
      ({ packId, shardIndex, fault }) =>
        `shard ${shardIndex} of pack ${packId.slice(0, 8)}… (${FAULTS[fault] ?? fault})`,
    )
    .join(', ') + ((named?.length ?? 0) > 2 ? ` and ${named!.length - 2} more` : '');

const CAME_IN = { adminCredits: 'credited', deposits: 'paid in', capital: 'of the operator' } as const;
const WENT = {
  available: 'available',
  held: 'held',
  earned: 'earned',
  withheld: 'kept back',
  commission: 'commission',
  float: 'in the hot wallet',
  payoutsInFlight: 'on its way',
  payoutsPaid: 'paid out',
  networkFees: 'fees',
} as const;

async function showLedger(admin: Admin): Promise<boolean> {
  const [ledger, faults] = await Promise.all([admin.ledger(), admin.faults()]);
  const sat = (name: string): string => satsOf(ledger[`${name}Msat`] ?? '0');
  const listed = (names: Readonly<Record<string, string>>): string =>
    Object.entries(names)
      .filter(([name]) => (ledger[`${name}Msat`] ?? '0') !== '0')
      .map(([name, text]) => `${sat(name)} ${text}`)
      .join(' + ');
  fact(`The ledger, in sat: ${listed(CAME_IN)} = ${listed(WENT)}.`);
  if (ledger['differenceMsat'] === '0' && faults.length === 0) {
    good('It balances to the millisatoshi.');
    return true;
  }
  bad(`It does not balance: ${sat('difference')} sat, ${count(faults.length, 'fault')}.`);
  return false;
}

/** Again, once the secrets of their periods are in the open: then nothing of the evidence is missing. */
export async function keepTranscripts(
  { admin, directory, signal }: ProvingOptions,
  villains: readonly DemoNode[],
): Promise<void> {
  await sleep(PERIOD_MS + DISCLOSURE_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  for (const { nodeId, operator } of villains) {
    const challenge = (await admin.challenges(nodeId)).findLast(({ outcome }) => outcome === 'failed');
    if (challenge === undefined) continue;
    const { text } = await admin.evidence(challenge.challengeId);
    writeFileSync(join(directory, `challenge-${operator}.json`), text, { mode: 0o600 });
  }
}
