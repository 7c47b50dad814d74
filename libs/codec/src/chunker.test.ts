import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createArena } from './arena.ts';
import { createChunker } from './chunker.ts';
import {
  CHUNK_MAX_BYTES,
  CHUNK_MIN_BYTES,
  CHUNK_NORMAL_BYTES,
  LOOSE_MASK,
  publishedGearTable,
  STRICT_MASK,
} from './gear.ts';
import { createKernel } from './kernel.ts';
import { streamOf } from './test-bytes.ts';

const MIB = 1024 * 1024;
const chunker = createChunker();

/** Lengths of the chunks of a stream that arrives in these pieces. */
function cutPieces(pieces: Iterable<Uint8Array>, by = chunker): number[] {
  const lengths: number[] = [];
  for (const piece of pieces) for (const chunk of by.push(piece)) lengths.push(chunk.length);
  for (const chunk of by.finish()) lengths.push(chunk.length);
  return lengths;
}
const cutAll = (bytes: Uint8Array): number[] => cutPieces([bytes]);

/** Positions where chunks end. */
const ends = (lengths: readonly number[]): number[] => {
  let end = 0;
  return lengths.map((length) => (end += length));
};

/** The rule of docs/format.md, in plain numbers. The hash takes the whole prefix: older bytes are shifted out. */
function slowCut(bytes: Uint8Array, table: BigUint64Array): number {
  const longest = Math.min(bytes.length, CHUNK_MAX_BYTES);
  let hash = 0n;
  for (let length = 1; length <= longest; length += 1) {
    hash = BigInt.asUintN(64, (hash << 1n) + table[bytes[length - 1]!]!);
    if (length < CHUNK_MIN_BYTES) continue;
    if ((hash & (length < CHUNK_NORMAL_BYTES ? STRICT_MASK : LOOSE_MASK)) === 0n) return length;
  }
  return longest;
}

describe('chunk boundaries', () => {
  it('are where the rule puts them', () => {
    const bytes = streamOf('reference', 5 * MIB + 12_345);
    for (const table of [publishedGearTable(), new BigUint64Array(streamOf('key', 2048).buffer)]) {
      const expected: number[] = [];
      for (let at = 0; at < bytes.length; at += expected.at(-1)!) expected.push(slowCut(bytes.subarray(at), table));
      expect(cutPieces([bytes], createChunker(table))).toEqual(expected);
      expect(expected.length).toBeGreaterThan(3);
    }
  });

  it('lie where a mask says on both sides of the normal length, the first position included', () => {
    // A table where only the byte 1 makes the hash 0 at once, and any other keeps it away from 0.
    const table = new BigUint64Array(256).fill(0x8000_0000_0000_0000n);
    table[1] = 0n;
    const kernel = createKernel(createArena(CHUNK_MAX_BYTES), table);
    const view = kernel.arena.alloc(CHUNK_MAX_BYTES);
    for (const length of [
      CHUNK_MIN_BYTES,
      CHUNK_MIN_BYTES + 1,
      CHUNK_NORMAL_BYTES - 1,
      CHUNK_NORMAL_BYTES,
      CHUNK_NORMAL_BYTES + 1,
      CHUNK_MAX_BYTES - 1,
      CHUNK_MAX_BYTES,
    ]) {
      view.fill(0);
      view[length - 1] = 1;
      expect(kernel.cut(view, false)).toBe(length);
      // Not one byte earlier or later: the same view, shorter.
      expect(kernel.cut(view.subarray(0, length - 1), false)).toBe(0);
      expect(kernel.cut(view.subarray(0, length), false, length - 1)).toBe(length);
    }
    view.fill(0);
    view[CHUNK_MIN_BYTES - 2] = 1;
    expect(kernel.cut(view, false)).toBe(CHUNK_MAX_BYTES);
  });

  it('meet the stricter mask before the normal length only', () => {
    // Byte 1 gives a hash that meets the loose mask and not the strict one.
    const table = new BigUint64Array(256).fill(0xc000_0000_0000_0000n);
    table[1] = 0x8000_2000_0000_0000n;
    const kernel = createKernel(createArena(CHUNK_MAX_BYTES), table);
    const view = kernel.arena.alloc(CHUNK_MAX_BYTES);
    view.fill(0);
    view[CHUNK_NORMAL_BYTES - 2] = 1;
    expect(kernel.cut(view, false)).toBe(CHUNK_MAX_BYTES);
    view[CHUNK_NORMAL_BYTES - 2] = 0;
    view[CHUNK_NORMAL_BYTES - 1] = 1;
    expect(kernel.cut(view, false)).toBe(CHUNK_NORMAL_BYTES);
  });

  it('do not depend on how the stream was sliced', () => {
    const bytes = streamOf('slices', 9 * MIB);
    const whole = cutAll(bytes);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 20 }), (places) => {
        const cuts = [0, ...places.sort((a, b) => a - b), bytes.length];
        expect(cutPieces(cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end)))).toEqual(whole);
      }),
      { numRuns: 12 },
    );
    const small = Array.from({ length: 300 }, (_, index) => bytes.subarray(index * 5000, (index + 1) * 5000));
    expect(cutPieces(small)).toEqual(cutAll(bytes.subarray(0, 300 * 5000)));
  });

  it('give chunks within the bounds that join to the stream', () => {
    const bytes = streamOf('bounds', 24 * MIB);
    const chunks = [...chunker.push(bytes), ...chunker.finish()];
    expect(Buffer.concat(chunks).equals(bytes)).toBe(true);
    for (const chunk of chunks.slice(0, -1)) {
      expect(chunk.length).toBeGreaterThanOrEqual(CHUNK_MIN_BYTES);
      expect(chunk.length).toBeLessThanOrEqual(CHUNK_MAX_BYTES);
    }
    const average = bytes.length / chunks.length;
    expect(average).toBeGreaterThan(0.8 * MIB);
    expect(average).toBeLessThan(1.6 * MIB);
  });

  it('depend on content only: after an insertion they fall into step again', () => {
    const bytes = streamOf('insertion', 16 * MIB);
    const before = new Set(ends(cutAll(bytes)));
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 4 * MIB }), fc.integer({ min: 1, max: 5000 }), (at, count) => {
        const longer = Buffer.concat([bytes.subarray(0, at), streamOf(`new ${count}`, count), bytes.subarray(at)]);
        const after = ends(cutAll(longer));
        // Untouched before the insertion, and the same ends again, moved by `count`, well before the end.
        expect(after.filter((end) => end < at).every((end) => before.has(end))).toBe(true);
        const late = after.filter((end) => end > 11 * MIB + count);
        expect(late.length).toBeGreaterThan(1);
        expect(late.every((end) => before.has(end - count))).toBe(true);
      }),
      { numRuns: 8 },
    );
  });

  it('are none for an empty stream, and one for a short one', () => {
    expect(cutAll(new Uint8Array(0))).toEqual([]);
    expect(cutAll(new Uint8Array(1))).toEqual([1]);
    expect(cutAll(streamOf('short', CHUNK_MIN_BYTES))).toEqual([CHUNK_MIN_BYTES]);
  });

  it('move with the table, which is a key', () => {
    const bytes = streamOf('keyed', 8 * MIB);
    const other = createChunker(new BigUint64Array(streamOf('another key', 2048).buffer));
    const shared = ends(cutPieces([bytes], other)).filter((end) => ends(cutAll(bytes)).includes(end));
    expect(shared).toEqual([bytes.length]);
  });
});
