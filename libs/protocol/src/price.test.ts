import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { carryAt, dueBetween, dueIn, MONTH_MS, type PricedSpan, priceUnit, satPerTbMonth } from './index.ts';

const HOUR_MS = 3_600_000;
const spans = fc.record({
  periodMs: fc.constantFrom(1000, 10_000, 60_000, 7_777, HOUR_MS, 86_400_000),
  storedBytes: fc.integer({ min: 0, max: 1e15 }),
  price: fc.bigInt({ min: 0n, max: 10_000_000n }),
  periods: fc.integer({ min: 1, max: 5000 }),
  fromPeriod: fc.integer({ min: 0, max: 500_000 }),
  carryPart: fc.double({ min: 0, max: 0.999, noNaN: true }),
});
type Drawn = typeof spans extends fc.Arbitrary<infer T> ? T : never;
const spanOf = (drawn: Drawn): PricedSpan => ({
  fromPeriod: drawn.fromPeriod,
  untilPeriod: drawn.fromPeriod + drawn.periods,
  storedBytes: drawn.storedBytes,
  price: satPerTbMonth(drawn.price),
  carry: BigInt(Math.floor(drawn.carryPart * 1e6)) * (priceUnit(drawn.periodMs).denominator / 1_000_000n),
});

describe('the price of a period', () => {
  test('is b·p / (10^12 · 720) sat for an hour', () => {
    expect(priceUnit(HOUR_MS)).toEqual({ numerator: 1n, denominator: 720_000_000_000n });
    const span = { fromPeriod: 0, untilPeriod: 720, storedBytes: 1e12, price: satPerTbMonth(1000n), carry: 0n };
    // 1000 sat a month are 1000 / 720 = 1.388 sat an hour
    expect([0, 1, 2].map((period) => dueIn(span, priceUnit(HOUR_MS), period))).toEqual([1388n, 1389n, 1389n]);
    expect(dueBetween(span, priceUnit(HOUR_MS), 0, 720)).toBe(1_000_000n);
  });

  test('adds up to the true price: what is carried is all that is missing', () => {
    fc.assert(
      fc.property(spans, (drawn) => {
        const span = spanOf(drawn);
        const unit = priceUnit(drawn.periodMs);
        const due = dueBetween(span, unit, span.fromPeriod, span.untilPeriod);
        const left = carryAt(span, unit, span.untilPeriod);
        // in units of 1 / (10^12 · month) msat, where nothing is a fraction
        const whole = 1_000_000_000_000n * MONTH_MS;
        const trueCost =
          BigInt(span.storedBytes) * drawn.price * 1000n * BigInt(drawn.periodMs) * BigInt(drawn.periods);
        expect((due * unit.denominator + left - span.carry) * (whole / unit.denominator)).toBe(trueCost);
        expect(left >= 0n && left < unit.denominator).toBe(true);
      }),
    );
  });

  test('is the same however the periods are grouped, in any order', () => {
    fc.assert(
      fc.property(spans, fc.nat(), (drawn, at) => {
        const span = spanOf(drawn);
        const unit = priceUnit(drawn.periodMs);
        const middle = span.fromPeriod + (at % (drawn.periods + 1));
        const whole = dueBetween(span, unit, span.fromPeriod, span.untilPeriod);
        expect(dueBetween(span, unit, middle, span.untilPeriod) + dueBetween(span, unit, span.fromPeriod, middle)).toBe(
          whole,
        );
        const rest = { ...span, fromPeriod: middle, carry: carryAt(span, unit, middle) };
        expect(dueBetween(rest, unit, middle, span.untilPeriod)).toBe(dueBetween(span, unit, middle, span.untilPeriod));
      }),
    );
  });
});
