import { describe, expect, test } from '@jest/globals';
import { dueBetween, dueIn, type PricedSpan, priceUnit, satPerTbMonth } from '@holdfast/protocol';
import fc from 'fast-check';
import { AGREEMENT_STATES, changeBytes, cutSpans, nextState, planRenewals, priceOf, rateOf } from './index.ts';

const unit = priceUnit(3_600_000);
const TERM = 24;
const price = fc.bigInt({ min: 0n, max: 100_000n });
const changes = fc.array(
  fc.record({ at: fc.nat({ max: TERM - 1 }), addedBytes: fc.integer({ min: -1e12, max: 1e12 }) }),
  {
    maxLength: 12,
  },
);

/** Plays changes in the order of time, as commits and drops come. */
function play(sats: bigint, list: readonly { at: number; addedBytes: number }[]) {
  let spans: PricedSpan[] = [
    { fromPeriod: 0, untilPeriod: TERM, storedBytes: 5e11, price: satPerTbMonth(sats), carry: 0n },
  ];
  let heldMsat = priceOf(spans[0]!, unit);
  const bytesIn = Array.from({ length: TERM }, () => 5e11);
  for (const { at, addedBytes } of list.toSorted((a, b) => a.at - b.at)) {
    const added = Math.max(addedBytes, -bytesIn[at]!);
    const change = changeBytes(spans, { fromPeriod: at, addedBytes: added }, unit);
    const kept = spans.filter(({ untilPeriod }) => untilPeriod <= at);
    spans = [...kept, ...change.shortened, ...change.written];
    heldMsat += change.costMsat;
    for (let period = at; period < TERM; period += 1) bytesIn[period]! += added;
  }
  return { spans, heldMsat, bytesIn };
}

describe('growing and shrinking', () => {
  test('covers every period once, with the bytes of that time', () => {
    fc.assert(
      fc.property(price, changes, (sats, list) => {
        const { spans, bytesIn } = play(sats, list);
        let next = 0;
        for (const span of spans) {
          expect(span.fromPeriod).toBe(next);
          for (next = span.fromPeriod; next < span.untilPeriod; next += 1) expect(span.storedBytes).toBe(bytesIn[next]);
        }
        expect(next).toBe(TERM);
      }),
    );
  });

  test('holds exactly what will be due, and what is due is the true price to within a millisatoshi', () => {
    fc.assert(
      fc.property(price, changes, (sats, list) => {
        const { spans, heldMsat, bytesIn } = play(sats, list);
        const due = spans.reduce((sum, span) => sum + priceOf(span, unit), 0n);
        expect(heldMsat).toBe(due);
        const trueParts = bytesIn.reduce((sum, bytes) => sum + BigInt(bytes) * sats, 0n);
        expect(due).toBe(trueParts / unit.denominator);
      }),
    );
  });

  test('cut off, gives back exactly what would have been due', () => {
    fc.assert(
      fc.property(price, changes, fc.nat({ max: TERM + 2 }), (sats, list, at) => {
        const { spans, heldMsat } = play(sats, list);
        const { freedMsat, shortened, removed } = cutSpans(spans, at, unit);
        const left = spans
          .filter(({ untilPeriod }) => untilPeriod <= at)
          .concat(shortened)
          .reduce((sum, span) => sum + priceOf(span, unit), 0n);
        expect(heldMsat - freedMsat).toBe(left);
        for (const { fromPeriod } of removed) expect(fromPeriod).toBeGreaterThanOrEqual(at);
      }),
    );
  });

  test('keeps rates as the database has them: the whole part, and one more when fractions make one', () => {
    fc.assert(
      fc.property(price, fc.nat({ max: 2 ** 50 }), fc.nat({ max: TERM - 1 }), (sats, storedBytes, period) => {
        const span = { fromPeriod: 0, untilPeriod: TERM, storedBytes, price: satPerTbMonth(sats), carry: 7n };
        const { rateMsat, rateRest } = rateOf(span, unit);
        const fraction = (span.carry + rateRest * BigInt(period)) % unit.denominator;
        expect(dueIn(span, unit, period)).toBe(rateMsat + (fraction + rateRest >= unit.denominator ? 1n : 0n));
      }),
    );
  });
});

describe('renewals', () => {
  const candidate = (agreementNo: number, newPrice: bigint, changed: object = {}) => ({
    agreementNo,
    endPeriod: 100,
    storedBytes: 1e12,
    oldPrice: newPrice,
    newPrice,
    isNodeGood: true,
    isAllowed: true,
    ...changed,
  });
  const terms = { unit, termPeriods: 720, monthPeriods: 720 };
  const mandate = { maxPriceSatPerTbMonth: 1000n, monthlyLimitMsat: 10_000_000n };
  const outcome = (plan: ReturnType<typeof planRenewals>) => ({
    renewed: plan.renewed.map((one) => one.candidate.agreementNo),
    refused: plan.refused.map((one) => `${one.candidate.agreementNo} ${one.reason}`),
  });

  test('take the cheapest first, as far as the money goes', () => {
    const plan = planRenewals(
      [candidate(1, 900n), candidate(2, 100n), candidate(3, 500n)],
      { availableMsat: 600_000n, mandate, monthlyMsat: 0n },
      terms,
    );
    expect(outcome(plan)).toEqual({ renewed: [2, 3], refused: ['1 money'] });
  });
  test('keep to the mandate, and leave nodes that leave', () => {
    const list = [
      candidate(1, 2000n),
      candidate(2, 900n, { isNodeGood: false }),
      candidate(3, 900n, { oldPrice: 100n }),
    ];
    const means = { availableMsat: 10n ** 12n, mandate, monthlyMsat: 9_500_000n };
    expect(outcome(planRenewals(list, means, terms))).toEqual({
      renewed: [],
      refused: ['2 node', '3 limit', '1 price'],
    });
    const foreign = planRenewals([candidate(5, 1n, { isAllowed: false })], means, terms);
    expect(outcome(foreign).refused).toEqual(['5 terms']);
    const { mandate: _, ...without } = means;
    expect(outcome(planRenewals([candidate(4, 1n)], without, terms)).refused).toEqual(['4 mandate']);
  });
  test('never spend more than there is, nor more than the limit', () => {
    const drawn = fc.record({ price: fc.bigInt({ min: 0n, max: 1500n }), bytes: fc.nat({ max: 3e12 }) });
    fc.assert(
      fc.property(fc.array(drawn), fc.bigInt({ min: 0n, max: 9_000_000n }), (list, availableMsat) => {
        const candidates = list.map((one, at) => candidate(at, one.price, { storedBytes: one.bytes, oldPrice: 0n }));
        const plan = planRenewals(candidates, { availableMsat, mandate, monthlyMsat: 0n }, terms);
        const cost = plan.renewed.reduce((sum, { costMsat }) => sum + costMsat, 0n);
        expect(cost <= availableMsat && cost <= mandate.monthlyLimitMsat).toBe(true);
        expect(plan.renewed.length + plan.refused.length).toBe(list.length);
        for (const { candidate: one, costMsat } of plan.renewed) {
          const span = {
            fromPeriod: 0,
            untilPeriod: 720,
            storedBytes: one.storedBytes,
            price: satPerTbMonth(one.newPrice),
            carry: 0n,
          };
          expect(costMsat).toBe(dueBetween(span, unit, 0, 720));
        }
      }),
    );
  });
});

describe('the life of an agreement', () => {
  test('ends, whatever it was, and does not come back', () => {
    for (const state of AGREEMENT_STATES) expect(nextState(state, 'term over', 'a')).toBe('ended');
    for (const event of ['renewed', 'unfunded', 'terminated'] as const) {
      expect(() => nextState('ended', event, 'a')).toThrow(expect.objectContaining({ code: 'agreement.ended' }));
    }
  });
  test('can be saved from its grace', () => {
    expect(nextState(nextState('active', 'unfunded', 'a'), 'renewed', 'a')).toBe('renewed');
    expect(() => nextState('renewed', 'renewed', 'a')).toThrow(expect.objectContaining({ code: 'agreement.ended' }));
  });
});
