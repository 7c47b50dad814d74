import { expect, test } from '@jest/globals';
import { createSeededRandomness, randomIntBelow, systemRandomness } from './randomness.ts';

test('system bytes are many, different, and in a buffer of their own', () => {
  const first = systemRandomness.bytes(100_000);
  expect(first).toHaveLength(100_000);
  expect(first.buffer.byteLength).toBe(100_000);
  expect(systemRandomness.bytes(32)).not.toEqual(systemRandomness.bytes(32));
  expect(systemRandomness.bytes(0)).toHaveLength(0);
});

test('a seed gives the same bytes again, however they are asked for', () => {
  const all = createSeededRandomness('a seed').bytes(100);
  const pieces = createSeededRandomness('a seed');
  expect(Buffer.concat([pieces.bytes(1), pieces.bytes(49), pieces.bytes(50)])).toEqual(Buffer.from(all));
  expect(createSeededRandomness('another').bytes(100)).not.toEqual(all);
  expect(createSeededRandomness(7).bytes(8)).toEqual(createSeededRandomness('7').bytes(8));
  expect(createSeededRandomness(7).seed).toBe('7');
  expect(new Set(all).size).toBeGreaterThan(50);
});

test('integers stay below their bound and reach every value', () => {
  const randomness = createSeededRandomness('integers');
  const counts = [0, 0, 0, 0, 0, 0, 0];
  for (let i = 0; i < 7_000; i++) counts[randomIntBelow(randomness, 7)]!++;
  for (const count of counts) expect(Math.abs(count - 1_000)).toBeLessThan(150);
  expect(randomIntBelow(randomness, 1)).toBe(0);
  expect(randomIntBelow({ bytes: (n) => new Uint8Array(n).fill(0xff) }, 2 ** 48)).toBe(2 ** 48 - 1);
});

test('values of the last, incomplete round are drawn again', () => {
  const draws = [new Uint8Array(6).fill(0xff), new Uint8Array([0, 0, 0, 0, 0, 5])];
  expect(randomIntBelow({ bytes: () => draws.shift() ?? new Uint8Array(6) }, 3)).toBe(2);
  expect(draws).toHaveLength(0);
});

test.each([0, -1, 1.5, Number.NaN, 2 ** 48 + 1])('%s is no bound', (bound) => {
  expect(() => randomIntBelow(systemRandomness, bound)).toThrow(RangeError);
});
