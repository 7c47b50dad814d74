import { describe, expect, test } from '@jest/globals';
import { lowestPrice } from './prices.ts';

const HOUR_MS = 3_600_000;
const NOW_MS = 1000 * HOUR_MS;
const history = [
  { priceSatPerTbMonth: 500n, sinceMs: 0 },
  { priceSatPerTbMonth: 800n, sinceMs: NOW_MS - 100 * HOUR_MS },
  { priceSatPerTbMonth: 1000n, sinceMs: NOW_MS - 10 * HOUR_MS },
];
const lowestAt = (startsAtMs: number, past = history, offered = 1000n): bigint =>
  lowestPrice(offered, past, { startsAtMs, periodMs: HOUR_MS, nowMs: NOW_MS });

describe('the lowest price of an agreement', () => {
  test('is what was on offer when its upload may have been opened', () => {
    expect(lowestAt(NOW_MS + HOUR_MS)).toBe(800n);
    expect(lowestAt(NOW_MS - 60 * HOUR_MS)).toBe(800n);
    expect(lowestAt(NOW_MS - 64 * HOUR_MS)).toBe(500n);
    expect(lowestAt(NOW_MS - 200 * HOUR_MS)).toBe(500n);
  });
  test('of one that is renewed for later goes by today, not by its first day', () => {
    expect(lowestAt(NOW_MS + 168 * HOUR_MS)).toBe(800n);
    const settled = history.map((price) => ({ ...price, sinceMs: price.sinceMs - 28 * HOUR_MS }));
    expect(lowestAt(NOW_MS + 168 * HOUR_MS, settled)).toBe(1000n);
  });
  test('is the present offer where that is lower, or nothing else is known', () => {
    expect(lowestAt(NOW_MS, history, 300n)).toBe(300n);
    expect(lowestAt(NOW_MS, [])).toBe(1000n);
  });
});
