import { zstdCompressSync } from 'node:zlib';
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compress, decompress } from './compress.ts';
import { streamOf } from './test-bytes.ts';

const damaged = expect.objectContaining({ code: 'codec.damaged' });

test('what is worth compressing comes back as it was', () => {
  fc.assert(
    fc.property(fc.string({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 400_000 }), (text, length) => {
      const plaintext = Buffer.alloc(length, text);
      const compressed = compress(plaintext);
      if (compressed === undefined) expect(length).toBeLessThan(200);
      else {
        expect(compressed.length).toBeLessThanOrEqual(length * 0.97);
        expect(plaintext.equals(decompress(compressed, length))).toBe(true);
      }
    }),
    { numRuns: 60 },
  );
});

test('what saves nothing is left alone, and so is everything at level 0', () => {
  for (const length of [1, 95, 1000, 128 * 1024, 1024 * 1024])
    expect(compress(streamOf('noise', length))).toBeUndefined();
  expect(compress(Buffer.alloc(100_000), 0)).toBeUndefined();
  expect(compress(Buffer.alloc(100_000), 3)?.length).toBeLessThan(100);
});

test('a frame that holds more or less than was said is refused, however much it holds', () => {
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024), { pledgedSrcSize: 64 * 1024 * 1024 });
  expect(bomb.length).toBeLessThan(10_000);
  const before = process.memoryUsage().arrayBuffers;
  for (const said of [1, 100, 4 * 1024 * 1024]) expect(() => decompress(bomb, said)).toThrow(damaged);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024);
  const hundred = zstdCompressSync(Buffer.alloc(100));
  for (const said of [0, 99, 101]) expect(() => decompress(hundred, said)).toThrow(damaged);
});

/** Magic, a descriptor without content size, the window's descriptor, one raw and last block of ten bytes. */
const frameWithWindow = (windowLog: number): Uint8Array =>
  Uint8Array.from([
    0x28,
    0xb5,
    0x2f,
    0xfd,
    0,
    (windowLog - 10) << 3,
    (10 << 3) | 1,
    0,
    0,
    ...Buffer.from('ten bytes.'),
  ]);

test('a frame that asks for a window above 4 MiB is refused before it gets it', () => {
  expect(Buffer.from(decompress(frameWithWindow(22), 10)).toString()).toBe('ten bytes.');
  for (const windowLog of [23, 27, 31, 41]) expect(() => decompress(frameWithWindow(windowLog), 10)).toThrow(damaged);
});

test('what is no zstd frame is refused', () => {
  for (const length of [0, 1, 4, 100, 70_000]) expect(() => decompress(streamOf('junk', length), 100)).toThrow(damaged);
  const whole = zstdCompressSync(Buffer.alloc(50_000, 'half of it '));
  for (let length = 0; length < whole.length; length += 1) {
    expect(() => decompress(whole.subarray(0, length), 50_000)).toThrow(damaged);
  }
});
