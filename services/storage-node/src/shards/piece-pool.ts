/**
 * A fixed number of page-aligned buffers, so that memory is bounded however many transfers run. They are slices of one
 * WebAssembly memory (page-aligned, taken from the system only as they are first written); I/O past the page cache
 * needs that.
 */
import { fail } from '@holdfast/protocol';
import { BLOCK_BYTES } from './trailer.ts';

/** Whole blocks, aligned to a block when the pool says so. */
export type Piece = Uint8Array<ArrayBuffer>;

export interface PiecePool {
  /** A multiple of 4096. */
  readonly pieceBytes: number;
  /** False where the system gives no aligned memory: then files must be written through the page cache. */
  readonly isAligned: boolean;
  readonly freeCount: number;
  /** @throws HoldfastError `node.busy` when none is free: whoever hands out turns must not hand out more than pieces. */
  take(): Piece;
  /** A piece beyond the first of a transfer; undefined when it would be another transfer's first. */
  takeSpare(): Piece | undefined;
  give(piece: Piece): void;
}

// The compiler's target libraries have no WebAssembly.
declare const WebAssembly: {
  Memory: new (pages: { initial: number; maximum: number }) => { readonly buffer: ArrayBuffer };
};

const WASM_PAGE_BYTES = 65_536;

function allocate(totalBytes: number): { buffer: ArrayBuffer; isAligned: boolean } {
  const pages = Math.ceil(totalBytes / WASM_PAGE_BYTES);
  try {
    return { buffer: new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer, isAligned: true };
  } catch {
    // A limit on address space (ulimit -v): WebAssembly reserves far more than it uses.
    return { buffer: new ArrayBuffer(totalBytes), isAligned: false };
  }
}

/** @param firstCount transfers at once; @param spareCount pieces more, for those that could use a second one. */
export function createPiecePool(pieceBytes: number, firstCount: number, spareCount: number): PiecePool {
  const size = Math.ceil(pieceBytes / BLOCK_BYTES) * BLOCK_BYTES;
  const count = firstCount + spareCount;
  const { buffer, isAligned } = allocate(size * count);
  // Last given, first taken: a quiet node touches few of them.
  const free = Array.from({ length: count }, (_, index) => new Uint8Array(buffer, (count - 1 - index) * size, size));
  const spares = new Set<Piece>();
  return {
    pieceBytes: size,
    isAligned,
    get freeCount() {
      return free.length;
    },
    take() {
      const piece = free.pop();
      if (piece === undefined) throw fail('node.busy', { limit: firstCount });
      return piece;
    },
    takeSpare() {
      if (spares.size >= spareCount) return undefined;
      const piece = free.pop();
      if (piece !== undefined) spares.add(piece);
      return piece;
    },
    give(piece) {
      spares.delete(piece);
      free.push(piece);
    },
  };
}
