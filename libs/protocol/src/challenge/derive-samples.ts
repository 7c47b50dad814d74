/**
 * Draws the leaves of a challenge. A node's shards lie one behind the other on a *line* of leaves, in the order in which
 * they were committed, with holes where shards were dropped or lost: a position is drawn, and an index finds the shard
 * that covers it. So a challenge costs a few hundred look-ups, however many millions of shards the node has.
 */
import { leafCountOf } from './leaf-proof.ts';
import { DrawStream } from './draws.ts';
import { badArgument } from './merkle-tree.ts';
import { agreementSeed, type NodePeriod, sampleSeed } from './period-secret.ts';
import { distinctSamples, type Sample, type ShardRef } from './samples.ts';

/** Leaves drawn from all bytes of a node: catch a loss of 1 % with 99 % probability. */
export const DRAWN_LEAVES = 460;
/** A node with up to so many agreements shows a leaf of each in every period. */
export const AGREEMENTS_EACH_PERIOD = 100;
/** Look-ups for the leaf of one agreement, and how many of the shards found compete for it. */
const AGREEMENT_DRAWS = 8;
const AGREEMENT_CANDIDATES = 4;
/** A shard counts as at most this long unshown (30 days of hours), and one never shown as just that. */
export const MAX_UNSHOWN_PERIODS = 720;
/** Draws for one leaf at most, on average: a line that is so thin must be compacted. */
export const MAX_DRAWS_PER_LEAF = 64;

/** A shard's place on a line. */
export interface ShardSpan extends ShardRef {
  readonly lengthBytes: number;
  /** Position of its first leaf on the line. */
  readonly startLeaf: number;
}

export interface NodeSpan extends ShardSpan {
  readonly agreementId: string;
}

export interface AgreementSpan extends ShardSpan {
  /** Periods since one of its leaves was shown; undefined when none ever was. */
  readonly unshownPeriods?: number | undefined;
}

/** An agreement that owes a leaf. */
export interface DueAgreement {
  readonly agreementId: string;
  /** Length of the agreement's own line: its shards at this node, in the order of their commits. */
  readonly lineLeaves: number;
}

/**
 * Finds what lies at positions of lines: the span that covers each position, undefined for a hole. One query each: with an
 * index over (node, start), it is the greatest start not above the position, if the shard is live and long enough.
 */
export interface ShardLines {
  onNode(positions: readonly number[]): Promise<readonly (NodeSpan | undefined)[]>;
  inAgreements(
    places: readonly { readonly agreementId: string; readonly position: number }[],
  ): Promise<readonly (AgreementSpan | undefined)[]>;
}

export interface SampleRequest {
  readonly period: NodePeriod;
  /** 64 hex digits, see challengeNonce. */
  readonly nonce: string;
  /** Length of the node's line. At least half of it should be live; compact it when less is. */
  readonly lineLeaves: number;
  /** Leaves to draw from all bytes. */
  readonly count: number;
  /** Those that owe a leaf now; the ones that a drawn leaf hits are served by it. */
  readonly agreements: readonly DueAgreement[];
}

/** How many agreements owe a leaf in a period, those first whose last leaf is the longest ago: each at least once a day. */
export const agreementsDue = (agreementCount: number, periodsPerDay: number): number =>
  Math.min(agreementCount, Math.max(AGREEMENTS_EACH_PERIOD, Math.ceil(agreementCount / Math.max(1, periodsPerDay))));

/**
 * The leaves of a node's challenge, in its order. The same request over the same lines gives the same leaves.
 * @throws HoldfastError `codec.bad-argument` when a line is nearly all holes, or a look-up answers with another place.
 */
export async function deriveSamples(request: SampleRequest, lines: ShardLines): Promise<Sample[]> {
  const drawn = request.lineLeaves === 0 ? [] : await drawFromNode(request, lines);
  const served = new Set(drawn.map(({ span }) => span.agreementId));
  const owing = request.agreements.filter(({ agreementId, lineLeaves }) => lineLeaves > 0 && !served.has(agreementId));
  const extra = owing.length === 0 ? [] : await drawFromAgreements(request, owing, lines);
  return distinctSamples([...drawn.map(({ sample }) => sample), ...extra]);
}

interface Drawn {
  span: NodeSpan;
  sample: Sample;
}

/** The first `count` draws that hit a shard. How they are spread over look-ups does not change them. */
async function drawFromNode(request: SampleRequest, lines: ShardLines): Promise<Drawn[]> {
  const { lineLeaves, count } = request;
  const stream = new DrawStream(sampleSeed(request.period, request.nonce));
  const drawn: Drawn[] = [];
  for (let draws = 0; drawn.length < count;) {
    const wanted = Math.ceil((count - drawn.length) * 1.25) + 8;
    draws += wanted;
    if (draws > MAX_DRAWS_PER_LEAF * count + wanted) throw badArgument('a line of shards that is nearly all holes.');
    const positions = Array.from({ length: wanted }, () => stream.below(lineLeaves));
    const spans = await lines.onNode(positions);
    for (const [at, position] of positions.entries()) {
      const span = spans[at];
      if (span !== undefined && drawn.length < count) drawn.push({ span, sample: sampleAt(span, position, 'drawn') });
    }
  }
  return drawn;
}

/**
 * One leaf for each agreement. Of the first shards that random positions hit, those not shown for long are more likely to
 * be taken, but never certain. An agreement whose positions are all holes stays due.
 */
async function drawFromAgreements(
  { period, nonce }: SampleRequest,
  agreements: readonly DueAgreement[],
  lines: ShardLines,
): Promise<Sample[]> {
  const draws = agreements.map(({ agreementId, lineLeaves }) => {
    const stream = new DrawStream(agreementSeed(period, nonce, agreementId));
    const places = Array.from({ length: AGREEMENT_DRAWS }, () => ({ agreementId, position: stream.below(lineLeaves) }));
    return { stream, places };
  });
  const spans = await lines.inAgreements(draws.flatMap(({ places }) => places));
  return draws.flatMap(({ stream, places }, agreement) => {
    const candidates = places
      .map(({ position }, at) => ({ position, span: spans[agreement * AGREEMENT_DRAWS + at] }))
      .filter((found): found is { position: number; span: AgreementSpan } => found.span !== undefined)
      .slice(0, AGREEMENT_CANDIDATES);
    if (candidates.length === 0) return [];
    const weights = candidates.map(({ span }) => weightOf(span));
    let rest = stream.below(weights.reduce((sum, weight) => sum + weight));
    const chosen = candidates[weights.findIndex((weight) => (rest -= weight) < 0)]!;
    return [sampleAt(chosen.span, chosen.position, 'agreement')];
  });
}

const weightOf = ({ unshownPeriods }: AgreementSpan): number =>
  1 + Math.min(Math.max(0, Math.trunc(unshownPeriods ?? MAX_UNSHOWN_PERIODS)), MAX_UNSHOWN_PERIODS);

function sampleAt(span: ShardSpan, position: number, reason: Sample['reason']): Sample {
  const { clientId, packId, shardIndex, lengthBytes } = span;
  const leafIndex = position - span.startLeaf;
  if (!(leafIndex >= 0 && leafIndex < leafCountOf(lengthBytes))) {
    throw badArgument(`a look-up of position ${position} that answers with a shard at ${span.startLeaf}.`);
  }
  const sample = { clientId, packId, shardIndex, lengthBytes, leafIndex, reason };
  return reason === 'drawn' ? { ...sample, lineStart: span.startLeaf } : sample;
}
