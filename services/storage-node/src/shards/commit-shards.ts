/** The mediator's word on uploads: these shards count from now on; that upload ended. */
import type { UploadId } from '@holdfast/protocol';
import { deleteShards } from './erase-shards.ts';
import type { UncommittedShard } from './inventory.ts';
import type { CommittedShard } from './ports.ts';
import { loseShard } from './lose-shard.ts';
import { type ShardName, shardKey } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';

/**
 * These shards count from now on; `cursor` is stored with that. Saying it again changes nothing. One that is not here is
 * a loss.
 */
export async function commitShards(context: StoreContext, names: readonly ShardName[], cursor?: number): Promise<void> {
  const { records, inventory, files, claims } = context;
  const here: CommittedShard[] = [];
  const usage = new Map<UploadId, number>();
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(shardKey(name)) || records.isCommitted(name)) continue;
    seen.add(shardKey(name));
    const lengthBytes = inventory.uploadOf(name) === undefined ? await files.lengthOf(name) : inventory.lengthOf(name);
    if (lengthBytes === undefined) {
      await claims.hold(shardKey(name), () => loseShard(context, name, 'it was committed but is not here'));
      continue;
    }
    here.push({ name, lengthBytes });
  }
  for (const { name, lengthBytes } of here) {
    const uploadId = inventory.uploadOf(name);
    if (uploadId !== undefined) usage.set(uploadId, (usage.get(uploadId) ?? 0) + lengthBytes);
  }
  records.commit(here, usage, cursor);
  for (const { name } of here) inventory.commit(name);
}

/** So long after its end the name of an upload is forgotten: no grant for it is good any more. */
const REMEMBER_ENDED_MS = 90 * 86_400_000;

/** These uploads ended: what no commit named is deleted, and nothing more is taken for them. Returns how many it deleted. */
export async function discardUploads(context: StoreContext, uploadIds: readonly UploadId[]): Promise<number> {
  const { records, inventory, clock } = context;
  const nowMs = clock.nowMs();
  const shards = new Map(uploadIds.map((uploadId) => [uploadId, inventory.uncommittedOf(uploadId)]));
  const ended = [...shards].map(([uploadId, lay]) => ({ uploadId, ...storageTimeOf(lay, nowMs) }));
  // Before anything is deleted: after a crash in between, what is left would say too little.
  records.endUploads(ended, nowMs, nowMs - REMEMBER_ENDED_MS);
  const names = [...shards.values()].flatMap((lay) => lay.map(({ name }) => name));
  await deleteShards(context, names);
  for (const uploadId of uploadIds) context.uploadQuotas.forget(uploadId);
  return names.length;
}

function storageTimeOf(shards: readonly UncommittedShard[], nowMs: number): { sizeBytes: number; lainMs: number } {
  const sizeBytes = shards.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  const lain = (shard: UncommittedShard): number =>
    (shard.lengthBytes / sizeBytes) * Math.max(0, nowMs - shard.receivedAtMs);
  return { sizeBytes, lainMs: Math.round(shards.reduce((sum, shard) => sum + lain(shard), 0)) };
}
