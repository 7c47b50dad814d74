import { describe, expect, test } from '@jest/globals';
import { findRunway, moneyRules, runwayWarning } from './index.ts';

const terms = { termPeriods: 720, horizonPeriod: 5000 };

describe('the runway', () => {
  test('ends with the first renewal that cannot be paid, when what it covers is given up', () => {
    const renewals = [
      { duePeriod: 100, endPeriod: 268, costMsat: 500n },
      { duePeriod: 50, endPeriod: 218, costMsat: 600n },
    ];
    expect(findRunway(1099n, renewals, terms)).toMatchObject({ untilPeriod: 268 });
    expect(findRunway(1100n, renewals, terms)).toMatchObject({ untilPeriod: 218 + 720 });
    expect(findRunway(0n, renewals, terms)).toMatchObject({ untilPeriod: 218 });
  });
  test('has no end where nothing has to be paid, or all in sight is', () => {
    expect(findRunway(0n, [], terms)).toEqual({ missingMsat: 0n });
    expect(findRunway(7n * 10n, [{ duePeriod: 0, endPeriod: 1, costMsat: 10n }], terms)).toEqual({ missingMsat: 0n });
    expect(findRunway(7n * 10n - 1n, [{ duePeriod: 0, endPeriod: 1, costMsat: 10n }], terms)).toEqual({
      untilPeriod: 1 + 6 * 720,
      missingMsat: 1n,
    });
  });
  test('warns at 14, 7 and 1 days', () => {
    expect([20, 14.1, 14, 8, 7, 2, 1, 0].map(runwayWarning)).toEqual([undefined, undefined, 14, 14, 7, 7, 1, 1]);
  });
});

test('the rules scale with the period', () => {
  expect(moneyRules()).toMatchObject({
    termPeriods: 720,
    gracePeriods: 168,
    uncommittedPeriods: 36,
    commissionPpm: 50_000,
  });
  expect(moneyRules(10_000)).toMatchObject({ termPeriods: 259_200, periodMs: 10_000 });
  expect(moneyRules(10_000, { termPeriods: 60 })).toMatchObject({ termPeriods: 60 });
});
