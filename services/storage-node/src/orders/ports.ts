/** What the mediator tells the node to do. */
import type { LinkOrder, UploadId } from '@holdfast/protocol';
import type { ShardName } from '../shards/index.ts';

/** Numbered; carrying one out twice changes nothing. */
export type Order =
  | { readonly order: number; readonly kind: 'committed'; readonly shards: readonly ShardName[] }
  | { readonly order: number; readonly kind: 'delete'; readonly shards: readonly ShardName[] }
  | { readonly order: number; readonly kind: 'discard-upload'; readonly uploadId: UploadId };

/** An order as the link brings it. */
export function orderOf(order: LinkOrder): Order {
  if (order.kind === 'discard-upload') return order;
  const { order: number, kind, clientId } = order;
  return {
    order: number,
    kind,
    shards: order.shards.map(([packId, shardIndex]) => ({ clientId, packId, shardIndex })),
  };
}
