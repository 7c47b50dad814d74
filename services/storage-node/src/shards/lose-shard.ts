/** A shard that is not whole any more: its file is set aside for the operator, and the mediator will be told. */
import { type ShardName, shardKey } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';
import { fileBytesOf } from './trailer.ts';

/**
 * Bytes that stand in the books for a shard. Its file may have changed, so the file is not asked; undefined when there is
 * no record of it.
 */
export function countedBytesOf({ records, inventory }: StoreContext, name: ShardName): number | undefined {
  const uncommitted = inventory.uploadOf(name) === undefined ? undefined : inventory.lengthOf(name);
  const lengthBytes = uncommitted ?? records.lengthOf(name);
  return lengthBytes === undefined || lengthBytes === 0 ? undefined : fileBytesOf(lengthBytes);
}

/**
 * Call it while holding the claim on the shard's name. `countedBytes` are those in the books, where the caller knows
 * better.
 */
export async function loseShard(
  context: StoreContext,
  name: ShardName,
  detail: string,
  countedBytes: number | undefined = countedBytesOf(context, name),
): Promise<void> {
  const { files, records, inventory, space, logger } = context;
  logger.error({ shard: shardKey(name), detail }, `a shard is lost: ${detail}`);
  records.addLoss({ name, detail, foundAtMs: context.clock.nowMs() });
  try {
    const asideBytes = await files.setAside(name);
    // What never was here, or was not met by the count at the start, is in no count.
    if (asideBytes === undefined && (countedBytes ?? 0) === 0) inventory.commit(name);
    else inventory.remove(name);
    // What is in quarantine takes room as well.
    if (countedBytes !== undefined) space.add((asideBytes ?? 0) - countedBytes);
  } catch (error) {
    logger.error({ err: error, shard: shardKey(name) }, 'the damaged shard could not be set aside');
    inventory.remove(name);
  }
  if (inventory.shardCountOf(name.clientId) === 0) context.onClientGone(name.clientId);
  context.onLoss();
}
