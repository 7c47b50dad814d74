export { type Arena, ARENA_ALIGNMENT_BYTES, createArena } from './arena.ts';
export * from './chunker.ts';
export * from './erasure.ts';
export { CHUNK_MAX_BYTES, CHUNK_MIN_BYTES, CHUNK_NORMAL_BYTES, publishedGearTable } from './gear.ts';
export { createKernel, type Kernel, SHARD_ALIGNMENT_BYTES } from './kernel.ts';
export * from './policy.ts';
export * from './chunk-id.ts';
export * from './head.ts';
export * from './index-object.ts';
export * from './mask.ts';
export * from './pack-builder.ts';
export * from './pack-keys.ts';
export * from './pack-ranges.ts';
export * from './pack-reader.ts';
export * from './pack-table.ts';
export {
  MAX_CHUNK_BYTES,
  MAX_FRAMES_PER_PACK,
  type PackPolicy,
  type RandomSource,
  SEAL_OVERHEAD_BYTES,
  type VaultKeys,
  checkPolicy,
} from './shapes.ts';
export * from './size-classes.ts';
export * from './snapshot.ts';
export * from './stream-ref.ts';
export * from './tree.ts';
