import { expect, test } from '@jest/globals';
import { msat } from '@holdfast/protocol';
import { planReleases } from './read-earnings.ts';

const rules = { periodMs: 1_000, withheldPeriods: 10 };
const kept = [
  { untilPeriod: 100, amountMsat: msat(5n) },
  { untilPeriod: 103, amountMsat: msat(7n) },
];

test('each share is free when its period is not among the last ones any more', () => {
  expect(planReleases(kept, msat(12n), rules, 104_000)).toEqual([
    { byMs: 111_000, amountMsat: 5n },
    { byMs: 114_000, amountMsat: 7n },
  ]);
});

test('what is kept beyond them is free already; what repairs took is missing from the oldest', () => {
  expect(planReleases(kept, msat(15n), rules, 104_000)[0]).toEqual({ byMs: 104_000, amountMsat: 3n });
  expect(planReleases(kept, msat(8n), rules, 104_000)).toEqual([
    { byMs: 111_000, amountMsat: 1n },
    { byMs: 114_000, amountMsat: 7n },
  ]);
  expect(planReleases(kept, msat(0n), rules, 104_000)).toEqual([]);
});
