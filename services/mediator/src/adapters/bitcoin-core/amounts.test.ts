import { expect, test } from '@jest/globals';
import { createSeededRandomness } from '@holdfast/platform';
import { parseExactly, satsOf } from './amounts.ts';

const read = (text: string): bigint => satsOf((parseExactly(`{"amount": ${text}}`) as { amount: unknown }).amount);

test.each([
  ['0.00000001', 1n],
  ['0.10000000', 10_000_000n],
  ['-0.00000546', -546n],
  ['20999999.97690000', 2_099_999_997_690_000n],
  ['90071992.54740993', 9_007_199_254_740_993n],
  ['1', 100_000_000n],
  ['0', 0n],
  ['1e-8', 1n],
  ['2.5E-7', 25n],
  ['1.5e3', 150_000_000_000n],
  ['0.100000000000', 10_000_000n],
])('%s bitcoin is %s satoshi', (text, sats) => {
  expect(read(text)).toBe(sats);
});

test.each(['0.000000001', '1e-9', '1e99', '"0x10"', '""', '"1.2.3"', 'null', 'true', '[]', '"NaN"'])(
  '%s is no amount',
  (text) => {
    expect(() => read(text)).toThrow(expect.objectContaining({ code: 'rail.unsuitable' }));
  },
);

test('what the node writes comes out to the satoshi, for any amount', () => {
  const random = createSeededRandomness('amounts');
  for (let round = 0; round < 2_000; round++) {
    const sats = BigInt(`0x${Buffer.from(random.bytes(8)).toString('hex')}`) >> BigInt(round % 50);
    const text = `${sats / 100_000_000n}.${String(sats % 100_000_000n).padStart(8, '0')}`;
    expect(read(text)).toBe(sats);
  }
});

test('everything else is what it was: whole numbers, texts, lists', () => {
  const text = '{"height": 101, "hash": "00ff", "list": [1, 2.5, null], "big": 12345678901234567890, "yes": true}';
  expect(parseExactly(text)).toEqual({
    height: 101,
    hash: '00ff',
    list: [1, '2.5', null],
    big: '12345678901234567890',
    yes: true,
  });
});
