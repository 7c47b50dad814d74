/** Carries out the mediator's orders: effects first, durably, then the cursor. */
import type { Logger } from '@holdfast/platform';
import type { ShardName, ShardRecords, ShardStore } from '../shards/index.ts';
import type { Order } from './ports.ts';

export interface CarryOut {
  readonly store: Pick<ShardStore, 'commit' | 'delete' | 'discardUpload'>;
  readonly records: Pick<ShardRecords, 'cursor' | 'setCursor'>;
  readonly logger: Logger;
}

/** Commits that stand together are one transaction, of about so many shards. */
const COMMIT_BATCH = 4096;

/** Returns how many were new. After an error those before it are carried out and counted. */
export async function carryOutOrders({ store, records, logger }: CarryOut, orders: readonly Order[]): Promise<number> {
  let waiting: ShardName[] = [];
  let waitingCursor = 0;
  let count = 0;
  const flush = async (): Promise<void> => {
    if (waitingCursor === 0) return;
    await store.commit(waiting, waitingCursor);
    waiting = [];
    waitingCursor = 0;
  };
  const cursor = records.cursor();
  for (const order of [...orders].sort((a, b) => a.order - b.order)) {
    if (order.order <= cursor) continue;
    count += 1;
    if (order.kind === 'committed') {
      waiting.push(...order.shards);
      waitingCursor = order.order;
      if (waiting.length >= COMMIT_BATCH) await flush();
      continue;
    }
    await flush();
    if (order.kind === 'delete') await store.delete(order.shards);
    else {
      const discarded = await store.discardUpload(order.uploadId);
      if (discarded > 0)
        logger.info({ uploadId: order.uploadId, discarded }, 'an upload ended with shards uncommitted');
    }
    records.setCursor(order.order);
  }
  await flush();
  return count;
}
