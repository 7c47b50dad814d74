/** What the node tells the mediator regularly, and what it is told. */
import type { UploadId } from '@holdfast/protocol';
import type { ShardName } from '../shards/index.ts';

/** Numbered; carrying one out twice changes nothing. */
export type Order =
  | { readonly order: number; readonly kind: 'committed'; readonly shards: readonly ShardName[] }
  | { readonly order: number; readonly kind: 'delete'; readonly shards: readonly ShardName[] }
  | { readonly order: number; readonly kind: 'discard-upload'; readonly uploadId: UploadId };

export interface NodeState {
  readonly version: string;
  readonly usedBytes: number;
  readonly freeBytes: number;
  /** The last order whose effects are durable here; 0: none. */
  readonly carriedOutOrder: number;
}

/** All reject with HoldfastError: `remote.unreachable` when the mediator is away, else what it said. */
export interface OrdersPort {
  /** The orders after `carriedOutOrder`, oldest first. */
  heartbeat(state: NodeState): Promise<readonly Order[]>;
  /** 1 to 1000 shards. */
  reportLosses(shards: readonly ShardName[]): Promise<void>;
}
