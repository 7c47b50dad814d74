/** Thirty days of one node under challenges, judgement, reputation and pay, with the product's own pure parts. */
import {
  agreementsDue,
  type DueAgreement,
  DRAWN_LEAVES,
  type FaultyShard,
  judgeAnswer,
  type OpenChallenge,
  type Sample,
  type ShardRef,
  withCarried,
} from '@holdfast/protocol';
import {
  decideStanding,
  isPeriodPaid,
  newReputation,
  type PeriodRecord,
  recordPeriod,
  scoreOf,
} from '@holdfast/mediator';
import { layOut, samplesOf, secretOf, type SimulatedShard } from './challenged-node.ts';
import type { Behaviour } from './node-behaviours.ts';

const PERIODS_PER_DAY = 24;
export const PERIODS = 30 * PERIODS_PER_DAY;
const NODE_ID = '4e'.repeat(32);

export interface Month {
  readonly name: string;
  readonly paid: number;
  readonly passed: number;
  readonly failed: number;
  readonly missed: number;
  /** Period of the first failed challenge. */
  readonly firstFailure: number | undefined;
  /** Shards found lost or reported so. */
  readonly shardsLost: number;
  readonly proofs: number;
  readonly availability: number;
  /** The most periods between two leaves of an agreement that has live shards. */
  readonly longestUnshown: number;
  /** Each standing with the period in which it began. */
  readonly standings: readonly (readonly [standing: string, since: number])[];
}

/** @param shards what the node was given; shards that are found lost are repaired elsewhere and no longer asked for. */
export async function liveThirtyDays(seed: string, shards: readonly SimulatedShard[], node: Behaviour): Promise<Month> {
  const gone = new Set<string>();
  let standing: Parameters<typeof decideStanding>[0] = 'vetting';
  let reputation = newReputation();
  let unanswered: readonly Sample[] = [];
  let paid = 0;
  let firstFailure: number | undefined;
  const outcomes = { passed: 0, failed: 0, missed: 0 };
  const standings: [string, number][] = [[standing, 0]];
  const lines = layOut(shards, ({ packId }) => !gone.has(packId));
  const turns = new Turns(shards, lines.agreements);

  for (let period = 0; period < PERIODS && standing !== 'disqualified'; period += 1) {
    if (node.reportsEarly?.period === period) for (const packId of node.reportsEarly.packIds) gone.add(packId);
    const drawn = { secret: secretOf(seed, period), nodeId: NODE_ID, periodStartMs: period * 3_600_000 };
    const due = { ...lines, agreements: turns.due(period, gone) };
    const asked = withCarried(await samplesOf(due, drawn, DRAWN_LEAVES), unanswered);
    const judged = judge(node, asked, period);
    outcomes[judged.outcome] += 1;
    unanswered = judged.isAnswered
      ? []
      : asked.filter(({ packId }) => !judged.faults.some((faulty) => faulty.packId === packId));
    for (const { packId } of judged.faults) gone.add(packId);
    if (judged.isAnswered) turns.shown(asked, period);
    const record: PeriodRecord = {
      outcome: judged.outcome,
      // Here each pack has one shard at the node.
      shardsAsked: new Set(asked.filter(({ reason }) => reason !== 'carried').map(({ packId }) => packId)).size,
      shardsLost: judged.faults.length,
      isServing: node.serves(period),
    };
    if (isPeriodPaid(record)) paid += 1;
    if (record.outcome === 'failed') firstFailure ??= period;
    reputation = recordPeriod(reputation, record);
    const next = decideStanding(standing, reputation);
    if (next !== standing) standings.push([next, period]);
    standing = next;
  }
  return {
    name: node.name,
    paid,
    ...outcomes,
    firstFailure,
    shardsLost: gone.size,
    proofs: scoreOf(reputation.proofs),
    availability: scoreOf(reputation.availability),
    longestUnshown: turns.longestUnshown,
    standings,
  };
}

/** Whose turn it is to show a leaf: those first whose last one is the longest ago, as the mediator's query has it. */
class Turns {
  longestUnshown = 0;
  /** In the order of their turns. */
  #queue: readonly Turn[];
  readonly #turnOf: ReadonlyMap<string, Turn>;

  constructor(shards: readonly SimulatedShard[], agreements: readonly DueAgreement[]) {
    const turns = agreements.map((agreement, at): Turn => ({ agreement, at, shownIn: -1, packIds: [] }));
    const byAgreement = new Map(turns.map((turn) => [turn.agreement.agreementId, turn]));
    for (const { packId, agreementId } of shards) byAgreement.get(agreementId)!.packIds.push(packId);
    this.#queue = turns;
    this.#turnOf = new Map(shards.map(({ packId, agreementId }) => [packId, byAgreement.get(agreementId)!]));
  }

  due(period: number, gone: ReadonlySet<string>): DueAgreement[] {
    const isLive = ({ packIds }: Turn): boolean => gone.size === 0 || packIds.some((packId) => !gone.has(packId));
    const live = this.#queue.filter(isLive);
    const [first] = live;
    if (first !== undefined) this.longestUnshown = Math.max(this.longestUnshown, period - first.shownIn);
    return live.slice(0, agreementsDue(live.length, PERIODS_PER_DAY)).map(({ agreement }) => agreement);
  }

  shown(samples: readonly Sample[], period: number): void {
    const shown = new Set(samples.map(({ packId }) => this.#turnOf.get(packId)!));
    for (const turn of shown) turn.shownIn = period;
    // They go to the end, in their first order.
    const last = [...shown].toSorted((a, b) => a.at - b.at);
    this.#queue = [...this.#queue.filter((turn) => !shown.has(turn)), ...last];
  }
}

interface Turn {
  readonly agreement: DueAgreement;
  /** Its place among all. */
  readonly at: number;
  shownIn: number;
  readonly packIds: string[];
}

interface Judged {
  outcome: 'passed' | 'failed' | 'missed';
  faults: readonly FaultyShard[];
  isAnswered: boolean;
}

function judge(node: Behaviour, asked: readonly Sample[], period: number): Judged {
  const { isThere, reportsLate } = node.answer(asked, period);
  const faults = new Map<string, FaultyShard>();
  for (const { clientId, packId, shardIndex } of asked) {
    const shard: ShardRef = { clientId, packId, shardIndex };
    if (!node.holds(shard, period)) faults.set(packId, { ...shard, fault: 'absent' });
  }
  const answer = isThere ? { proofHash: 'ab'.repeat(32), faults: [...faults.values()] } : undefined;
  const challenge = { samples: asked } as unknown as OpenChallenge; // judging looks at its leaves only
  return { ...judgeAnswer(challenge, answer, reportsLate ?? []), isAnswered: isThere };
}
