/** Roots and lengths of shards from the commits that their clients signed: what proofs are verified against, offline too. */
import { fromHex } from '../bytes.ts';
import { openMessage, type SigningContext } from '../message.ts';
import { packCommit } from '../messages/storage.ts';
import { shardKeyOf } from './samples.ts';
import type { RecordOf, ShardRecord } from './verify-proof.ts';

/**
 * @param commits tokens of `pack-commit`s.
 * @throws HoldfastError `message.*` for one that its client did not sign.
 */
export function recordsOfCommits(context: SigningContext, commits: Iterable<string>): RecordOf {
  const records = new Map<string, ShardRecord>();
  for (const token of commits) {
    const { clientId, packId, shardLengthBytes: lengthBytes, shards } = openMessage(packCommit, context, token);
    for (const [shardIndex, { root }] of shards.entries()) {
      records.set(shardKeyOf({ clientId, packId, shardIndex }), { root: fromHex(root, 32), lengthBytes });
    }
  }
  return (shard) => records.get(shardKeyOf(shard));
}
