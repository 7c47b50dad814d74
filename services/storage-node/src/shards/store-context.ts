/** What the use cases of the shards work with. Made by shard-store.ts. */
import type { Clock, Logger } from '@holdfast/platform';
import type { Inventory } from './inventory.ts';
import type { PiecePool } from './piece-pool.ts';
import type { ShardRecords } from './ports.ts';
import type { Quotas } from './quotas.ts';
import type { ShardFiles } from './shard-files.ts';
import type { ShardName } from './shard-name.ts';
import type { Space } from './space.ts';
import type { Claims, Turns } from './turns.ts';

export interface StoreContext {
  readonly files: ShardFiles;
  readonly records: ShardRecords;
  readonly inventory: Inventory;
  readonly space: Space;
  /** Bytes stored, by upload. */
  readonly uploadQuotas: Quotas;
  /** Bytes read, by grant. */
  readonly readQuotas: Quotas;
  readonly uploads: Turns;
  readonly downloads: Turns;
  readonly claims: Claims;
  readonly writePool: PiecePool;
  readonly readPool: PiecePool;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Told of every loss, after it was recorded. */
  readonly onLoss: () => void;
  /** Told of shards that were deleted, on their owner's or the mediator's word. */
  readonly onErased: (names: readonly ShardName[]) => void;
  /** Told of every client that has no shard here any more. */
  readonly onClientGone: (clientId: ShardName['clientId']) => void;
}
