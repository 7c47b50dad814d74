/** Deletes shards for good: on a client's delete grant or the mediator's word. */
import { countedBytesOf } from './lose-shard.ts';
import { type ShardName, shardKey } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';

/**
 * Resolves when they are gone durably. Those that are not here are skipped. The records go first: after a crash in
 * between, a file without records is an uncommitted shard, while records without a file would look like a loss.
 * Call it while holding the claims on the names; `deleteShards` takes them by itself.
 */
export async function eraseShards(context: StoreContext, names: readonly ShardName[]): Promise<void> {
  const { files, records, inventory, space } = context;
  const counted = names.map((name) => countedBytesOf(context, name));
  records.forget(names);
  const removed: ShardName[] = [];
  for (const [index, name] of names.entries()) {
    const bytes = await files.remove(name);
    const countedBytes = counted[index] ?? bytes;
    if (countedBytes === 0) continue;
    space.remove(countedBytes);
    inventory.remove(name);
    removed.push(name);
    if (inventory.shardCountOf(name.clientId) === 0) context.onClientGone(name.clientId);
  }
  await files.settle(removed);
  context.onErased(removed);
}

/** Deletes them while nobody else works under their names. */
export async function deleteShards(context: StoreContext, names: readonly ShardName[]): Promise<void> {
  const { claims } = context;
  const byKey = new Map(names.map((name) => [shardKey(name), name] as const));
  // One order for all who hold several claims, so that no two wait for each other.
  const all = [...byKey].sort(([a], [b]) => (a < b ? -1 : 1));
  // In batches: each is one transaction and one sync per directory.
  for (let at = 0; at < all.length; at += BATCH) {
    const batch = all.slice(at, at + BATCH);
    const erase = (): Promise<void> =>
      eraseShards(
        context,
        batch.map(([, name]) => name),
      );
    await batch.reduceRight(
      (inner, [key]) =>
        () =>
          claims.hold(key, inner),
      erase,
    )();
  }
}

const BATCH = 64;
