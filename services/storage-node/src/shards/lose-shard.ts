/** A shard that is not whole any more: its file is set aside for the operator, and the mediator will be told. */
import { type ShardName, shardKey } from './shard-name.ts';
import type { StoreContext } from './store-context.ts';

/** Call it while holding the claim on the shard's name. */
export async function loseShard(context: StoreContext, name: ShardName, detail: string): Promise<void> {
  const { files, records, inventory, logger } = context;
  logger.error({ shard: shardKey(name), detail }, `a shard is lost: ${detail}`);
  records.addLoss({ name, detail, foundAtMs: context.clock.nowMs() });
  // Its bytes stay counted: they are still on the disk, in quarantine.
  const wasThere = await files.setAside(name).catch((error: unknown) => {
    logger.error({ err: error, shard: shardKey(name) }, 'the damaged shard could not be set aside');
    return true;
  });
  if (wasThere) inventory.remove(name);
  else inventory.commit(name);
  if (inventory.shardCountOf(name.clientId) === 0) context.onClientGone(name.clientId);
  context.onLoss();
}
