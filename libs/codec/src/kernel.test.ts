import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createArena } from './arena.ts';
import { encodeShards } from './erasure.ts';
import { createKernel, type Kernel } from './kernel.ts';
import { streamOf } from './test-bytes.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });
const MIB = 1024 * 1024;

/** A kernel, and a buffer of its arena with these bytes. */
function kernelWith(bytes: Uint8Array): { kernel: Kernel; view: Uint8Array } {
  const arena = createArena(Math.max(bytes.length, 1) + 4096);
  const view = arena.alloc(bytes.length);
  view.set(bytes);
  return { kernel: createKernel(arena), view };
}

const region = (shards: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(shards));

describe('encode and reconstruct in the arena', () => {
  const choice = fc
    .record({ k: fc.integer({ min: 1, max: 20 }), m: fc.integer({ min: 1, max: 20 }) })
    .chain(({ k, m }) =>
      fc.record({
        k: fc.constant(k),
        m: fc.constant(m),
        length: fc.integer({ min: 1, max: 130 }).map((count) => count * 64),
        kept: fc.subarray([...Array(k + m).keys()], { minLength: k }),
        wanted: fc.subarray([...Array(k + m).keys()]),
      }),
    );

  it('writes the same parity as encodeShards, and nothing else', () => {
    fc.assert(
      fc.property(choice, ({ k, m, length }) => {
        const expected = encodeShards(streamOf('encode', k * length), k, m);
        const { kernel, view } = kernelWith(new Uint8Array((k + m) * length + 128).fill(0xa5));
        const data = view.subarray(64, 64 + k * length);
        data.set(region(expected.slice(0, k)));
        kernel.encode(data, view.subarray(64 + k * length, view.length - 64), k, m);
        const frame = new Uint8Array(64).fill(0xa5);
        expect(Buffer.from(view).equals(Buffer.concat([frame, ...expected, frame]))).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  it('rebuilds what is wanted and missing, in place, and leaves the rest alone', () => {
    fc.assert(
      fc.property(choice, ({ k, m, length, kept, wanted }) => {
        const expected = encodeShards(streamOf('reconstruct', k * length), k, m);
        const junk = new Uint8Array(length).fill(0x5a);
        const before = expected.map((shard, index) => (kept.includes(index) ? shard : junk));
        const { kernel, view } = kernelWith(region(before));
        const flags = (indices: number[]): boolean[] => expected.map((_, index) => indices.includes(index));
        kernel.reconstruct(view, flags(kept), flags(wanted), k, m);
        const after = before.map((shard, index) => (wanted.includes(index) ? expected[index]! : shard));
        expect(Buffer.from(view).equals(Buffer.concat(after))).toBe(true);
      }),
      { numRuns: 60 },
    );
  });

  it('knows no shard count that its tables cannot hold', () => {
    const { kernel, view } = kernelWith(new Uint8Array(64 * 66));
    kernel.encode(view.subarray(0, 32 * 64), view.subarray(32 * 64, 64 * 64), 32, 32);
    kernel.encode(view.subarray(0, 64), view.subarray(64, 64 * 64), 1, 63);
    for (const [k, m] of [
      [33, 32],
      [1, 64],
      [64, 1],
      [0, 1],
      [1, 0],
      [-1, 2],
      [1.5, 2],
      [Number.NaN, 1],
    ] as const) {
      const encode = (): void => kernel.encode(view.subarray(0, k * 64), view.subarray(k * 64, (k + m) * 64), k, m);
      expect(encode).toThrow(code('codec.bad-argument'));
    }
  });

  it('refuses regions of wrong lengths, of other memory, or that overlap', () => {
    const { kernel, view } = kernelWith(new Uint8Array(1024));
    const wrong: [Uint8Array, Uint8Array][] = [
      [view.subarray(0, 256), view.subarray(256, 256 + 192)],
      [view.subarray(0, 192), view.subarray(192, 384)],
      [view.subarray(0, 0), view.subarray(0, 0)],
      [view.subarray(0, 96), view.subarray(96, 192)],
      [view.subarray(0, 256), view.subarray(255, 511)],
      [view.subarray(255, 511), view.subarray(0, 256)],
      [view.subarray(0, 256), new Uint8Array(256)],
      [new Uint8Array(256), view.subarray(0, 256)],
      [new Uint8Array(view.buffer, 4096, 256), view.subarray(0, 256)],
    ];
    for (const [data, parity] of wrong) {
      expect(() => kernel.encode(data, parity, 2, 2)).toThrow(code('codec.bad-argument'));
    }
    expect(view.every((byte) => byte === 0)).toBe(true);
  });

  it('refuses flags that do not fit, and too few shards', () => {
    const { kernel, view } = kernelWith(new Uint8Array(256));
    const all = [true, true, true, true];
    expect(() => kernel.reconstruct(view, [true], all, 2, 2)).toThrow(code('codec.bad-argument'));
    expect(() => kernel.reconstruct(view, all, [true], 2, 2)).toThrow(code('codec.bad-argument'));
    expect(() => kernel.reconstruct(view.subarray(1), all, all, 2, 2)).toThrow(code('codec.bad-argument'));
    expect(() => kernel.reconstruct(new Uint8Array(256), all, all, 2, 2)).toThrow(code('codec.bad-argument'));
    expect(() => kernel.reconstruct(view, [true, false, false, false], all, 2, 2)).toThrow(
      code('codec.too-few-shards'),
    );
  });
});

describe('cut', () => {
  it('refuses views of other memory and impossible searched lengths', () => {
    const { kernel, view } = kernelWith(new Uint8Array(100));
    expect(() => kernel.cut(new Uint8Array(100), true)).toThrow(code('codec.bad-argument'));
    for (const searched of [-1, 101, 0.5, Number.NaN]) {
      expect(() => kernel.cut(view, true, searched)).toThrow(code('codec.bad-argument'));
    }
  });

  it('asks for more bytes until the longest chunk, unless these are the last', () => {
    // Zeros never meet a mask with the published table.
    const { kernel, view } = kernelWith(new Uint8Array(5 * MIB));
    for (const length of [0, 1, MIB / 4, MIB, 4 * MIB - 1]) {
      expect(kernel.cut(view.subarray(0, length), false)).toBe(0);
      expect(kernel.cut(view.subarray(0, length), true)).toBe(length);
    }
    expect(kernel.cut(view.subarray(0, 4 * MIB), false)).toBe(4 * MIB);
    expect(kernel.cut(view, true)).toBe(4 * MIB);
  });

  it('needs a table of 256 entries', () => {
    expect(() => createKernel(createArena(1), new BigUint64Array(255))).toThrow(code('codec.bad-argument'));
  });
});
