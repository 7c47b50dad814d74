/** After a period, with its secret revealed: whether a challenge asked for what it had to, no more and no less. */
import { fail, type HoldfastError } from '../errors.ts';
import { DrawStream } from './draws.ts';
import { type DueAgreement, deriveSamples, MAX_DRAWS_PER_LEAF, type ShardLines } from './derive-samples.ts';
import type { OpenChallenge } from './issue-challenge.ts';
import { leafCountOf } from './leaf-proof.ts';
import { challengeNonce, periodSecretHash, sampleSeed } from './period-secret.ts';
import { type Sample, shardKeyOf } from './samples.ts';

export interface RevealedDraw {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Which challenge of the node in this period, from 0. */
  readonly number: number;
  /** Leaves drawn from all bytes. */
  readonly count: number;
  /** Those that owed a leaf. */
  readonly agreements: readonly DueAgreement[];
}

/**
 * Draws the leaves of a challenge again, from the lines as they were then. Leaves carried over are not looked at: they are
 * those of challenges before.
 * @throws HoldfastError `challenge.unfair` when it asked for anything else.
 */
export async function checkDraw(challenge: OpenChallenge, revealed: RevealedDraw, lines: ShardLines): Promise<void> {
  const { nodeId, periodStartMs, secretHash, nonce, lineLeaves } = challenge.terms;
  const { secret, number, count, agreements } = revealed;
  const period = { secret, nodeId, periodStartMs };
  if (periodSecretHash(secret) !== secretHash) throw fail('challenge.unfair', { detail: 'it is another secret' });
  if (challengeNonce(period, number) !== nonce) throw fail('challenge.unfair', { detail: 'its nonce is another' });
  const expected = await deriveSamples({ period, nonce, lineLeaves, count, agreements }, lines);
  const asked = challenge.samples.filter(({ reason }) => reason !== 'carried');
  if (namesOf(asked) !== namesOf(expected)) throw fail('challenge.unfair', { detail: 'its leaves are others' });
}

const namesOf = (samples: readonly Sample[]): string =>
  samples
    .map(({ clientId, packId, shardIndex, lengthBytes, leafIndex, reason }) =>
      [clientId, packId, shardIndex, lengthBytes, leafIndex, reason].join(' '),
    )
    .join('\n');

/** What came of following the draws of a challenge. */
export interface FollowedDraw {
  /** Different leaves that were drawn. */
  readonly leaves: number;
  /** Numbers drawn until the last of them was hit. */
  readonly numbers: number;
  /** Of those: fell on nothing that was asked for, so they must have fallen into holes. */
  readonly inHoles: number;
}

/** A line of which less than half is live is closed up before it is drawn from, so more than this can't be chance. */
const MOST_IN_HOLES = 3 / 4;
const FEWEST_NUMBERS = 100;

/**
 * Without the lines, from the challenge alone: whether its drawn leaves are those on which the secret's numbers fall, on the
 * line that it says. It relies on the places that the mediator signed there (who knows the line compares them) and on
 * its word that what it passed over were holes. Leaves of agreements, and those carried over, are not looked at.
 * @param challenge whose nonce follows from the secret
 * @throws HoldfastError `challenge.unfair`
 */
export function followDraw(challenge: OpenChallenge, secret: Uint8Array): FollowedDraw {
  const { nodeId, periodStartMs, nonce, lineLeaves } = challenge.terms;
  const spans = spansOf(challenge);
  const wanted = new Set(spans.flatMap(({ start, leaves }) => [...leaves].map((leaf) => start + leaf)));
  const all = wanted.size;
  if (all === 0) return { leaves: 0, numbers: 0, inHoles: 0 };
  const stream = new DrawStream(sampleSeed({ secret, nodeId, periodStartMs }, nonce));
  let numbers = 0;
  let inHoles = 0;
  for (; wanted.size > 0; numbers += 1) {
    // Twice the leaves, since one may be drawn again and again on a short line.
    if (numbers > 2 * MAX_DRAWS_PER_LEAF * all + FEWEST_NUMBERS) throw unfair('it asks for a leaf that was not drawn');
    const place = stream.below(lineLeaves);
    const span = spanAt(spans, place);
    if (span === undefined) inHoles += 1;
    else if (!span.leaves.has(place - span.start)) throw unfair('it leaves out a leaf that was drawn');
    wanted.delete(place);
  }
  if (numbers >= FEWEST_NUMBERS && inHoles > MOST_IN_HOLES * numbers) {
    throw unfair(`${inHoles} of ${numbers} places drawn are said to be holes, on a line at least half full`);
  }
  return { leaves: all, numbers, inHoles };
}

interface Span {
  readonly start: number;
  readonly end: number;
  /** Drawn leaves of the shard. */
  readonly leaves: Set<number>;
}

/** The shards with drawn leaves, in the order of the line. */
function spansOf({ terms, samples }: OpenChallenge): Span[] {
  const spans = new Map<string, Span>();
  for (const sample of samples) {
    const { reason, lineStart: start = 0, lengthBytes, leafIndex } = sample;
    if (reason !== 'drawn') continue;
    const key = shardKeyOf(sample);
    const span = spans.get(key) ?? { start, end: start + leafCountOf(lengthBytes), leaves: new Set() };
    span.leaves.add(leafIndex);
    spans.set(key, span);
  }
  const sorted = [...spans.values()].toSorted((a, b) => a.start - b.start);
  for (const [at, { start, end }] of sorted.entries()) {
    if (end > terms.lineLeaves) throw unfair('a shard lies beyond the end of the line');
    if (start < (sorted[at - 1]?.end ?? 0)) throw unfair('two shards lie at the same place of the line');
  }
  return sorted;
}

function spanAt(spans: readonly Span[], place: number): Span | undefined {
  let low = 0;
  let high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle]!.end <= place) low = middle + 1;
    else high = middle;
  }
  const span = spans[low];
  return span !== undefined && span.start <= place ? span : undefined;
}

const unfair = (detail: string): HoldfastError => fail('challenge.unfair', { detail });
