/** What the mediator tells the node to do. */
import type { UploadId } from '@holdfast/protocol';
import type { ShardName } from '../shards/index.ts';

/** Numbered; carrying one out twice changes nothing. */
export type Order =
  | { readonly order: number; readonly kind: 'committed'; readonly shards: readonly ShardName[] }
  | { readonly order: number; readonly kind: 'delete'; readonly shards: readonly ShardName[] }
  | { readonly order: number; readonly kind: 'discard-upload'; readonly uploadId: UploadId };
