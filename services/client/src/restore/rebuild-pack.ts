/** Puts a pack's k data shards together, in place, from any k shards that lie anywhere in the buffer. */
import { type Arena, createArena, createKernel, type Kernel } from '@holdfast/codec';

/** Columns are decoded in a small workspace, so that a pack never needs room for its parity beside its data. */
const WORKSPACE_BYTES = 4 * 1024 * 1024;
const COLUMN_BYTES = 64 * 1024;
const ALIGNMENT_BYTES = 64;

/** A shard in the buffer, unmasked and checked. */
export interface HeldShard {
  readonly shardIndex: number;
  /** Begins at `slot` × shard length. */
  readonly slot: number;
}

export interface PackRebuilder {
  /**
   * Afterwards data shard i lies at i × `shardLengthBytes`. `shards` are exactly k different ones.
   * @param buffer any number of slots of `shardLengthBytes` (a multiple of 64), at least k.
   */
  rebuild(
    buffer: Uint8Array,
    shardLengthBytes: number,
    shards: readonly HeldShard[],
    dataShards: number,
    parityShards: number,
  ): void;
}

/** One per thread. */
export function createPackRebuilder(): PackRebuilder {
  let workspace: { arena: Arena; kernel: Kernel } | undefined;
  return {
    rebuild(buffer, shardLengthBytes, shards, dataShards, parityShards) {
      const misplaced = shards.filter(({ shardIndex, slot }) => shardIndex < dataShards && slot !== shardIndex);
      const present = Array.from({ length: dataShards + parityShards }, () => false);
      for (const { shardIndex } of shards) present[shardIndex] = true;
      const missing = [...present.keys()].filter((index) => index < dataShards && !present[index]);
      if (missing.length + misplaced.length === 0) return;
      if (workspace === undefined) {
        const arena = createArena(WORKSPACE_BYTES);
        workspace = { arena, kernel: createKernel(arena) };
      }
      const targets = [...missing, ...misplaced.map(({ shardIndex }) => shardIndex)];
      const wanted = present.map((_, index) => missing.includes(index));
      const columns = { buffer, shardLengthBytes, shards, targets, present, wanted, dataShards, parityShards };
      decodeColumns(workspace.arena, workspace.kernel, columns);
    },
  };
}

interface Columns {
  readonly buffer: Uint8Array;
  readonly shardLengthBytes: number;
  readonly shards: readonly HeldShard[];
  /** Data shards that are not in their place. */
  readonly targets: readonly number[];
  readonly present: readonly boolean[];
  readonly wanted: readonly boolean[];
  readonly dataShards: number;
  readonly parityShards: number;
}

function decodeColumns(arena: Arena, kernel: Kernel, columns: Columns): void {
  const { buffer, shardLengthBytes, shards, dataShards, parityShards } = columns;
  const shardCount = dataShards + parityShards;
  const room = Math.floor(WORKSPACE_BYTES / shardCount / ALIGNMENT_BYTES) * ALIGNMENT_BYTES;
  const columnBytes = Math.min(room, COLUMN_BYTES);
  const mark = arena.mark();
  try {
    for (let at = 0; at < shardLengthBytes; at += columnBytes) {
      const length = Math.min(columnBytes, shardLengthBytes - at);
      arena.release(mark);
      const work = arena.alloc(length * shardCount);
      for (const { shardIndex, slot } of shards) {
        const from = slot * shardLengthBytes + at;
        work.set(buffer.subarray(from, from + length), shardIndex * length);
      }
      kernel.reconstruct(work, columns.present, columns.wanted, dataShards, parityShards);
      for (const shardIndex of columns.targets) {
        buffer.set(work.subarray(shardIndex * length, (shardIndex + 1) * length), shardIndex * shardLengthBytes + at);
      }
    }
  } finally {
    arena.release(mark);
  }
}
