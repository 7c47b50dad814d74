export { type Arena, ARENA_ALIGNMENT_BYTES, createArena } from './arena.ts';
export * from './chunker.ts';
export * from './erasure.ts';
export { CHUNK_MAX_BYTES, CHUNK_MIN_BYTES, CHUNK_NORMAL_BYTES, publishedGearTable } from './gear.ts';
export { createKernel, type Kernel, SHARD_ALIGNMENT_BYTES } from './kernel.ts';
export { createMerkleHasher, groupHash, type MerkleHasher, type ShardTree, shardTree } from './merkle.ts';
export { decodeTreeFile, encodeTreeFile, treeFileBytes } from './merkle-file.ts';
export {
  LEAF_BYTES,
  leafCountOf,
  type LeafProof,
  merkleRoot,
  pathBytesOf,
  proveLeaf,
  verifyLeaf,
} from '@holdfast/protocol';
export * from './policy.ts';
export * from './chunk-id.ts';
export { type ExtendedAttribute, FILE_TYPES, type FileMeta, type FileType } from './file-meta.ts';
export {
  compareSnapshots,
  decodeSnapshotList,
  encodeSnapshotList,
  type HeadContent,
  type HeadPlace,
  MAX_HEAD_INDEX_PACKS,
  MAX_HEAD_SNAPSHOTS,
  openHead,
  sealHead,
  type SnapshotEntry,
} from './head.ts';
export * from './index-object.ts';
export * from './mask.ts';
export * from './pack-builder.ts';
export * from './pack-keys.ts';
export * from './pack-ranges.ts';
export * from './pack-reader.ts';
export { PackTable, TABLE_ENTRY_BYTES, type TableEntry } from './pack-table.ts';
export { type PackTrailer, TRAILER_BYTES, tailBytesOf } from './pack-trailer.ts';
export {
  MAX_CHUNK_BYTES,
  ID_BYTES,
  MAX_CHUNKS_PER_PACK,
  PACK_KINDS,
  type PackKind,
  type PackPolicy,
  type RandomSource,
  SEAL_OVERHEAD_BYTES,
  type VaultKeys,
  checkPolicy,
} from './shapes.ts';
export * from './size-classes.ts';
export * from './snapshot.ts';
export {
  EMPTY_STREAM,
  type GetChunk,
  IDS_PER_LIST_CHUNK,
  inlineStreamRef,
  MAX_INLINE_IDS,
  MAX_STREAM_DEPTH,
  type PutChunk,
  readStream,
  streamChunkIds,
  type StreamRef,
  StreamRefBuilder,
} from './stream-ref.ts';
export * from './tree.ts';
