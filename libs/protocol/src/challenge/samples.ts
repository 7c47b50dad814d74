/** A challenge's leaves: what identifies one, the order that they stand in, and how lists of them are joined. */
import { fail, type HoldfastError } from '../errors.ts';
import type { ClientId, PackId } from '../ids.ts';
import { MAX_CHALLENGE_LEAVES, type SampleReason } from '../messages/challenges.ts';
import { badArgument } from './merkle-tree.ts';

export interface ShardRef {
  readonly clientId: ClientId;
  readonly packId: PackId;
  readonly shardIndex: number;
}

/** One leaf that a node is asked to show. */
export interface Sample extends ShardRef {
  /** Of the shard. */
  readonly lengthBytes: number;
  readonly leafIndex: number;
  readonly reason: SampleReason;
  /** Of drawn leaves: where the first leaf of the shard lies on the node's line. */
  readonly lineStart?: number;
}

/** Leaves of unanswered challenges that are asked again at most: the oldest, so that silence never gets rid of one. */
export const MAX_CARRIED_LEAVES = 2048;

export const sameShard = (a: ShardRef, b: ShardRef): boolean =>
  a.shardIndex === b.shardIndex && a.packId === b.packId && a.clientId === b.clientId;

/** A challenge that says another length than the shard has: nobody can answer it, and it is not the node's fault. */
export const otherLength = ({ packId, shardIndex, lengthBytes }: Sample, actualBytes: number): HoldfastError =>
  fail('challenge.unfair', {
    detail: `shard ${shardIndex} of pack ${packId} has ${actualBytes} bytes, not ${lengthBytes}`,
  });

/** A name of a shard for maps. */
export const shardKeyOf = (shard: ShardRef): string => `${shard.clientId}/${shard.packId}/${shard.shardIndex}`;

const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/** The order in a challenge: by client, pack, shard index, leaf. */
export const compareSamples = (a: Omit<Sample, 'reason'>, b: Omit<Sample, 'reason'>): number =>
  compareText(a.clientId, b.clientId) ||
  compareText(a.packId, b.packId) ||
  a.shardIndex - b.shardIndex ||
  a.leafIndex - b.leafIndex;

/** In the order of a challenge, each leaf once, with the reason that it had first. */
export function distinctSamples(samples: readonly Sample[]): Sample[] {
  const sorted = samples.toSorted(compareSamples); // stable
  return sorted.filter((sample, at) => at === 0 || compareSamples(sorted[at - 1]!, sample) !== 0);
}

/**
 * The leaves of a challenge: the fresh ones and, on top, those that were asked for and never answered.
 * @param unanswered of the node's open challenges, the oldest first; leaves of shards that the node no longer has to hold
 *   left out. Beyond MAX_CARRIED_LEAVES the newest are left out: a node that answers all others was back anyway.
 */
export function withCarried(fresh: readonly Sample[], unanswered: readonly Sample[]): Sample[] {
  const carried = new Map<string, Sample>();
  for (const sample of unanswered) {
    if (carried.size === MAX_CARRIED_LEAVES) break;
    carried.set(`${shardKeyOf(sample)}/${sample.leafIndex}`, { ...sample, reason: 'carried' });
  }
  const all = distinctSamples([...fresh, ...carried.values()]);
  if (all.length > MAX_CHALLENGE_LEAVES) throw badArgument(`a challenge of ${all.length} leaves.`);
  return all;
}
