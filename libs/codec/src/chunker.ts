/** Cuts a stream that arrives in pieces of any size into chunks, in a buffer of its own. Files go through a kernel. */
import { createArena } from './arena.ts';
import { CHUNK_MAX_BYTES } from './gear.ts';
import { createKernel } from './kernel.ts';

export interface Chunker {
  /** Takes the next bytes of the stream, any number, and yields copies of the chunks that they complete. */
  push(bytes: Uint8Array): Generator<Uint8Array, void>;
  /** Yields the last chunk (none when nothing is left) and makes the chunker ready for another stream. */
  finish(): Generator<Uint8Array, void>;
}

/**
 * A chunker for one stream after another. It holds at most 8 MiB and is for streams that are made in memory (listings,
 * indexes); what push() yields must be taken to the end before the next call.
 * @param gearTable the vault's table; without it the published one, for tests.
 */
export function createChunker(gearTable?: BigUint64Array): Chunker {
  const arena = createArena(2 * CHUNK_MAX_BYTES);
  const kernel = createKernel(arena, gearTable);
  const buffer = arena.alloc(2 * CHUNK_MAX_BYTES);
  let start = 0;
  let end = 0;
  let searched = 0;

  function* cutAll(isLast: boolean): Generator<Uint8Array, void> {
    while (start < end) {
      const view = buffer.subarray(start, end);
      const length = kernel.cut(view, isLast, searched);
      if (length === 0) {
        searched = view.length;
        return;
      }
      start += length;
      searched = 0;
      yield view.slice(0, length);
    }
  }

  return {
    *push(bytes) {
      for (let at = 0; at < bytes.length;) {
        if (start > 0 && end + (bytes.length - at) > buffer.length) {
          buffer.copyWithin(0, start, end);
          end -= start;
          start = 0;
        }
        const piece = bytes.subarray(at, at + buffer.length - end);
        buffer.set(piece, end);
        end += piece.length;
        at += piece.length;
        yield* cutAll(false);
      }
    },
    *finish() {
      yield* cutAll(true);
      start = 0;
      end = 0;
      searched = 0;
    },
  };
}
