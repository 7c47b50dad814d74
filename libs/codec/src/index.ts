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
