/** Committed shards whose files have gone: no walk over the disk can meet them. */
import { loseShard } from './lose-shard.ts';
import { type ShardName, shardKey } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';

const AT_ONCE = 512;

/**
 * Records each as lost; returns how many there were. `countedBytes` are those in the books for each, where the caller
 * knows better than the records.
 */
export async function findMissing(context: StoreContext, countedBytes?: number, signal?: AbortSignal): Promise<number> {
  const { records, files, claims } = context;
  let count = 0;
  let after: ShardName | undefined;
  for (;;) {
    const names = records.committed(after, AT_ONCE);
    const areHere = await Promise.all(names.map((name) => files.has(name)));
    for (const name of names.filter((_, index) => !areHere[index])) {
      await claims.hold(shardKey(name), async () => {
        // Once more, now that nobody deletes or stores it.
        if (!records.isCommitted(name) || (await files.has(name))) return;
        await loseShard(context, name, 'its file is missing', countedBytes);
        count += 1;
      });
    }
    after = names.at(-1);
    if (after === undefined || signal?.aborted) return count;
  }
}
