/**
 * One fixed WebAssembly memory per thread, in which buffers stay from reading a file to sending its shards: the
 * kernels work on them in place, and page-aligned slices suit O_DIRECT. It never grows, so views never detach.
 */
import { badArgument } from './shapes.ts';
import { WASM_PAGE_BYTES, Wasm, type WasmMemory } from './webassembly.ts';

/** Every buffer of an arena starts at a multiple of this many bytes. */
export const ARENA_ALIGNMENT_BYTES = 4096;
/** The kernels keep their tables below this address. */
export const ARENA_RESERVED_BYTES = WASM_PAGE_BYTES;
/** WebAssembly addresses have 32 bits. */
const MAX_ARENA_BYTES = 65_536 * WASM_PAGE_BYTES - ARENA_RESERVED_BYTES;

export interface Arena {
  readonly memory: WasmMemory;
  /** Bytes that can be handed out in all. */
  readonly sizeBytes: number;
  /** Bytes that `alloc` can still hand out, rounded down to the alignment. */
  freeBytes(): number;
  /**
   * `lengthBytes` bytes starting at a multiple of 4096; their contents are whatever was there.
   * @throws HoldfastError `codec.bad-argument` when they do not fit.
   */
  alloc(lengthBytes: number): Uint8Array<ArrayBuffer>;
  /** A position to which `release` goes back. */
  mark(): number;
  /** Takes back everything allocated since `mark`; those views must not be used any more (they would share bytes). */
  release(mark: number): void;
  /**
   * Address of a view in the memory, for the kernels. `what` names it in the error.
   * @throws HoldfastError `codec.bad-argument` for a view of other memory, or of the kernels' own tables.
   */
  addressOf(view: Uint8Array, what: string): number;
}

const alignUp = (count: number): number => Math.ceil(count / ARENA_ALIGNMENT_BYTES) * ARENA_ALIGNMENT_BYTES;

/**
 * @param maxBytes room for buffers; memory is taken from the system page by page, when first written.
 * @throws HoldfastError `codec.bad-argument` for a size that is not 1 … 4 GiB − 64 KiB, or that the system refuses.
 */
export function createArena(maxBytes: number): Arena {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1 || maxBytes > MAX_ARENA_BYTES) {
    throw badArgument(`an arena of ${maxBytes} bytes (1 to ${MAX_ARENA_BYTES} are possible).`);
  }
  const pages = Math.ceil((ARENA_RESERVED_BYTES + maxBytes) / WASM_PAGE_BYTES);
  const memory = allocateMemory(pages);
  const end = pages * WASM_PAGE_BYTES;
  let next = ARENA_RESERVED_BYTES;
  return {
    memory,
    sizeBytes: end - ARENA_RESERVED_BYTES,
    freeBytes: () => end - next,
    alloc(lengthBytes) {
      if (!Number.isSafeInteger(lengthBytes) || lengthBytes < 0 || lengthBytes > end - next) {
        throw badArgument(`an allocation of ${lengthBytes} bytes in an arena with ${end - next} left.`);
      }
      const view = new Uint8Array(memory.buffer, next, lengthBytes);
      next += alignUp(lengthBytes);
      return view;
    },
    mark: () => next,
    release(mark) {
      if (!Number.isSafeInteger(mark) || mark < ARENA_RESERVED_BYTES || mark > next || mark % ARENA_ALIGNMENT_BYTES) {
        throw badArgument(`the arena mark ${mark}, which is not from mark() or was released before.`);
      }
      next = mark;
    },
    addressOf(view, what) {
      if (view.buffer !== memory.buffer) throw badArgument(`a ${what} that does not lie in the kernel's arena.`);
      if (view.byteOffset < ARENA_RESERVED_BYTES) throw badArgument(`a ${what} that lies in the kernel's own tables.`);
      return view.byteOffset;
    },
  };
}

function allocateMemory(pages: number): WasmMemory {
  try {
    return new Wasm.Memory({ initial: pages, maximum: pages });
  } catch (error) {
    if (error instanceof RangeError) {
      throw badArgument(`an arena of ${pages * WASM_PAGE_BYTES} bytes, which this system refuses (${error.message}).`);
    }
    throw error;
  }
}
