/**
 * Carries out the mediator's orders: effects first, durably, then the cursor. Orders of one kind that stand together are
 * carried out together, because each step costs a sync of the disk.
 */
import type { Logger } from '@holdfast/platform';
import type { ShardRecords, ShardStore } from '../shards/index.ts';
import type { Order } from './ports.ts';

export interface CarryOut {
  readonly store: Pick<ShardStore, 'commit' | 'delete' | 'discardUploads'>;
  readonly records: Pick<ShardRecords, 'cursor' | 'setCursor'>;
  readonly logger: Logger;
}

/** A run ends when it names about so many shards or uploads. */
const RUN_SIZE = 4096;

/** Returns how many were new. After an error the runs before it are carried out and counted. */
export async function carryOutOrders(options: CarryOut, orders: readonly Order[]): Promise<number> {
  const cursor = options.records.cursor();
  const fresh = orders.filter(({ order }) => order > cursor).sort((a, b) => a.order - b.order);
  for (const run of runsOf(fresh)) await carryOutRun(options, run);
  return fresh.length;
}

/** Neighbours of one kind. */
function runsOf(orders: readonly Order[]): Order[][] {
  const runs: Order[][] = [];
  let size = 0;
  for (const order of orders) {
    const last = runs.at(-1);
    if (last?.[0]!.kind === order.kind && size < RUN_SIZE) last.push(order);
    else {
      runs.push([order]);
      size = 0;
    }
    size += order.kind === 'discard-upload' ? 1 : order.shards.length;
  }
  return runs;
}

async function carryOutRun({ store, records, logger }: CarryOut, run: readonly Order[]): Promise<void> {
  const { kind, order: last } = run.at(-1)!;
  const shards = run.flatMap((order) => (order.kind === 'discard-upload' ? [] : order.shards));
  if (kind === 'committed') {
    // One transaction with the cursor.
    await store.commit(shards, last);
    return;
  }
  if (kind === 'delete') await store.delete(shards);
  else {
    const uploads = run.flatMap((order) => (order.kind === 'discard-upload' ? [order.uploadId] : []));
    const discarded = await store.discardUploads(uploads);
    if (discarded > 0) logger.info({ uploads: uploads.length, discarded }, 'uploads ended with shards uncommitted');
  }
  records.setCursor(last);
}
