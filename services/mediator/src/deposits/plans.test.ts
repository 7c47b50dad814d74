/** The pure decisions: what becomes of a deposit, how deep it must be, and where money comes from that is taken back. */
import { describe, expect, test } from '@jest/globals';
import { priceUnit, satPerTbMonth } from '@holdfast/protocol';
import fc from 'fast-check';
import {
  confirmationsFor,
  decideStep,
  type DepositState,
  type HeldAgreement,
  planReversal,
  type Step,
} from './index.ts';

const UNIT = priceUnit(3_600_000);
const BLOCK = 'b1'.repeat(32);

describe('a deposit', () => {
  const at = (confirmations: number) => ({ confirmations, blockHash: BLOCK });
  const CASES: readonly (readonly [DepositState, number | 'absent', Step])[] = [
    ['seen', 2, 'note'],
    ['seen', 3, 'credit'],
    ['seen', 'absent', 'forget'],
    ['credited', 0, 'note'],
    ['credited', 4, 'note'],
    ['credited', 'absent', 'reverse'],
    ['gone', 0, 'return'],
    ['gone', 3, 'credit'],
    ['gone', 'absent', 'none'],
    ['reversed', 1, 'return'],
    ['reversed', 5, 'credit'],
    ['reversed', 'absent', 'none'],
  ];
  test.each(CASES)('that is %s, with %s confirmations: %s', (state, confirmations, step) => {
    const now = { state, confirmations: 1, hasOwner: true };
    expect(decideStep(now, confirmations === 'absent' ? 'absent' : at(confirmations), 3)).toBe(step);
  });

  test('of nobody is never credited, however deep', () => {
    const now = { state: 'seen', confirmations: 3, blockHash: BLOCK, hasOwner: false } as const;
    expect(decideStep(now, at(100), 3)).toBe('note');
    expect(decideStep(now, at(3), 3)).toBe('none');
  });

  test('waits longer when much of its client is on its way', () => {
    const rules = { confirmations: 3, large: { sats: 1_000n, confirmations: 6 } };
    expect([999n, 1_000n, 5_000n].map((sats) => confirmationsFor(rules, sats))).toEqual([3, 6, 6]);
    expect(confirmationsFor({ confirmations: 3 }, 10n ** 15n)).toBe(3);
  });
});

const FLOOR = 1_000;
const agreements = fc.array(
  fc.record({
    floor: fc.integer({ min: FLOOR, max: FLOOR + 20 }),
    start: fc.integer({ min: FLOOR - 300, max: FLOOR - 1 }),
    length: fc.integer({ min: 1, max: 900 }),
    storedBytes: fc.integer({ min: 0, max: 3e12 }),
    price: fc.bigInt({ min: 0n, max: 50_000n }),
    changeAt: fc.integer({ min: 1, max: 899 }),
  }),
  { maxLength: 6 },
);

const toHeld = (list: typeof agreements extends fc.Arbitrary<infer T> ? T : never): HeldAgreement[] =>
  list.map(({ floor, start, length, storedBytes, price, changeAt }, index) => {
    const end = start + length;
    const middle = Math.min(end, start + changeAt);
    const span = { storedBytes, price: satPerTbMonth(price), carry: 0n };
    const spans = [
      { ...span, fromPeriod: start, untilPeriod: middle },
      { ...span, fromPeriod: middle, untilPeriod: end },
    ].filter(({ fromPeriod, untilPeriod }) => fromPeriod < untilPeriod);
    return { agreementNo: index, holdNo: 100 + index, startPeriod: start, endPeriod: end, floorPeriod: floor, spans };
  });

const amounts = fc.bigInt({ min: 1n, max: 200_000_000n });
const sum = (list: readonly bigint[]): bigint => list.reduce((total, one) => total + one, 0n);

describe('what is taken back', () => {
  test('comes to exactly the deposit, from available first, and never from within the grace', () => {
    fc.assert(
      fc.property(amounts, fc.bigInt({ min: 0n, max: 100_000_000n }), agreements, (amount, availableMsat, list) => {
        const held = toHeld(list);
        const plan = planReversal(amount, { availableMsat, agreements: held }, UNIT);
        const taken = sum(plan.cuts.map(({ takenMsat }) => takenMsat));
        expect(plan.fromAvailableMsat + taken + plan.owedMsat).toBe(amount);
        expect(plan.fromAvailableMsat).toBe(availableMsat < amount ? availableMsat : amount);
        if (plan.owedMsat > 0n) expect(sum(plan.cuts.map(({ returnedMsat }) => returnedMsat))).toBe(0n);
        for (const { agreementNo, atPeriod } of plan.cuts) {
          const { floorPeriod, startPeriod, endPeriod } = held[agreementNo]!;
          expect(atPeriod).toBeGreaterThanOrEqual(floorPeriod);
          expect(atPeriod).toBeGreaterThan(startPeriod);
          expect(atPeriod).toBeLessThan(endPeriod);
        }
      }),
    );
  });

  test('leaves the data paid for as long as it can: one period later would not have been enough', () => {
    fc.assert(
      fc.property(amounts, agreements, (amount, list) => {
        const held = toHeld(list);
        const plan = planReversal(amount, { availableMsat: 0n, agreements: held }, UNIT);
        fc.pre(plan.owedMsat === 0n);
        const cutAt = Math.max(...plan.cuts.map(({ atPeriod }) => atPeriod));
        const later = held.map((one) => ({ ...one, floorPeriod: Math.max(one.floorPeriod, cutAt + 1) }));
        expect(planReversal(amount, { availableMsat: 0n, agreements: later }, UNIT).owedMsat).toBeGreaterThan(0n);
      }),
    );
  });

  test('touches no agreement when enough is available', () => {
    const held = toHeld([{ floor: FLOOR, start: 900, length: 800, storedBytes: 1e12, price: 1_000n, changeAt: 10 }]);
    const plan = planReversal(500n, { availableMsat: 500n, agreements: held }, UNIT);
    expect(plan).toEqual({ fromAvailableMsat: 500n, cuts: [], owedMsat: 0n });
  });
});
