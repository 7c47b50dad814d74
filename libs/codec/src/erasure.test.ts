import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { encodeShards, reconstructShards } from './erasure.ts';
import { generatorRow, multiply } from './gf256.ts';
import { streamOf } from './test-bytes.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

/** The code's definition, byte by byte. */
function slowShard(data: Uint8Array, k: number, shardIndex: number): Uint8Array {
  const length = data.length / k;
  const row = generatorRow(shardIndex, k);
  return Uint8Array.from({ length }, (_, at) =>
    row.reduce((sum, factor, column) => sum ^ multiply(factor, data[column * length + at]!), 0),
  );
}

const counts = fc.record({ k: fc.integer({ min: 1, max: 20 }), m: fc.integer({ min: 1, max: 20 }) });

describe('encodeShards', () => {
  it('is what the definition says, for any counts and lengths', () => {
    fc.assert(
      fc.property(counts, fc.integer({ min: 1, max: 200 }), fc.string(), ({ k, m }, length, label) => {
        const data = streamOf(label, k * length);
        const shards = encodeShards(data, k, m);
        expect(shards.length).toBe(k + m);
        shards.forEach((shard, index) => expect(Buffer.from(shard).equals(slowShard(data, k, index))).toBe(true));
      }),
      { numRuns: 60 },
    );
  });

  it('works in slices when the shards are larger than its workspace', () => {
    const k = 3;
    const length = 2 * 1024 * 1024 + 100_001;
    const data = streamOf('large', k * length);
    const shards = encodeShards(data, k, 2);
    for (const index of [3, 4]) expect(Buffer.from(shards[index]!).equals(slowShard(data, k, index))).toBe(true);
    const rebuilt = reconstructShards([undefined, shards[1], undefined, shards[3], shards[4]], k, 2);
    rebuilt.forEach((shard, index) => expect(Buffer.from(shard).equals(shards[index]!)).toBe(true));
  });

  it.each([
    [10, 3, 3],
    [0, 1, 1],
    [4, 0, 1],
    [4, 1, 0],
    [64, 64, 1],
    [4, 1.5, 2],
    [4, Number.NaN, 2],
    [4, -1, 2],
  ])('refuses %i bytes for %p+%p', (length, k, m) => {
    expect(() => encodeShards(new Uint8Array(length), k, m)).toThrow(code('codec.bad-argument'));
  });
});

describe('reconstructShards', () => {
  it('gives every shard back from any k of them', () => {
    const choice = counts.chain(({ k, m }) =>
      fc.record({
        k: fc.constant(k),
        m: fc.constant(m),
        length: fc.integer({ min: 1, max: 150 }),
        kept: fc.subarray([...Array(k + m).keys()], { minLength: k, maxLength: k + m }),
        label: fc.string(),
      }),
    );
    fc.assert(
      fc.property(choice, ({ k, m, length, kept, label }) => {
        const shards = encodeShards(streamOf(label, k * length), k, m);
        const given = shards.map((shard, index) => (kept.includes(index) ? shard : undefined));
        const rebuilt = reconstructShards(given, k, m);
        rebuilt.forEach((shard, index) => expect(Buffer.from(shard).equals(shards[index]!)).toBe(true));
        kept.forEach((index) => expect(rebuilt[index]).toBe(shards[index]));
      }),
      { numRuns: 80 },
    );
  });

  it('says how many shards are missing', () => {
    const shards = encodeShards(new Uint8Array(4), 4, 4);
    const given = shards.map((shard, index) => (index < 3 ? shard : undefined));
    expect(() => reconstructShards(given, 4, 4)).toThrow(code('codec.too-few-shards'));
    expect(() => reconstructShards([], 4, 4)).toThrow(code('codec.bad-argument'));
    expect(() => reconstructShards(Array.from<undefined>({ length: 8 }), 4, 4)).toThrow(code('codec.too-few-shards'));
  });

  it('refuses shards of different lengths, also among those that it would not read', () => {
    const shards = encodeShards(new Uint8Array(8), 2, 2);
    for (const place of [0, 1, 2, 3]) {
      const given = shards.map((shard, index) => (index === place ? shard.subarray(1) : shard));
      expect(() => reconstructShards(given, 2, 2)).toThrow(code('codec.bad-argument'));
    }
    const empty = shards.map(() => new Uint8Array(0));
    expect(() => reconstructShards(empty, 2, 2)).toThrow(code('codec.bad-argument'));
  });
});
