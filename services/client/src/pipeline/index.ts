/** Worker threads that turn files into shards at their nodes. */
export * from './chunk-set.ts';
export * from './counters.ts';
export type { FileResult, FileToRead, Placement, StoredPack } from './messages.ts';
export * from './pipeline.ts';
export { assignTargets, isGrantError } from './shard-sender.ts';
