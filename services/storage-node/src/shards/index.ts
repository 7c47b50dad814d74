/** Shards: stored durably, read back, counted, scrubbed. */
export type { Loss, ShardRecords } from './ports.ts';
export type { ScrubReport } from './scrub.ts';
export type { ShardName } from './shard-name.ts';
export { openShardStore, type ShardStore, type ShardStoreOptions, type StoreFigures } from './shard-store.ts';
export type { ShardRecord } from './trailer.ts';
