/** A child pays for its parent: what both of them pay together is what was asked for. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type ChildRequest, planChild } from './plan-child.ts';
import { dustSats } from './scripts.ts';
import { thrownBy } from './test-vectors.ts';
import { CHANGE, coin, sign } from './test-wallet.ts';
import { feeOf } from './weights.ts';

const request = (more: Partial<ChildRequest> = {}): ChildRequest => ({
  parent: { vsize: 1717, feeSats: 1717n },
  coin: coin(1, 100_000n, 'p2wpkh', 0),
  satPerKvb: 10_000n,
  changeScript: CHANGE,
  ...more,
});

test('parent and child reach the rate together', () => {
  const plan = planChild(request());
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  // 10.5 + 68 + 31 vB, rounded up
  expect(plan.transaction).toMatchObject({ vsize: 110, feeSats: 18_270n - 1717n, change: { vout: 0 } });
  expect(sign(plan.transaction.psbt).vsize).toBe(110);
});

test('for any parent, with any coins', () => {
  const parents = fc.record({ vsize: fc.integer({ min: 110, max: 60_000 }), feeSats: fc.bigInt(110n, 60_000n) });
  const confirmed = fc.array(fc.bigInt(500n, 400_000n), { maxLength: 4 });
  fc.assert(
    fc.property(
      parents,
      fc.bigInt(300n, 300_000n),
      fc.bigInt(1000n, 20_000n),
      confirmed,
      (parent, sats, rate, more) => {
        const additionalCoins = more.map((amount, index) => coin(index + 10, amount, 'p2tr'));
        const own = coin(1, sats, 'p2wpkh', 0);
        const plan = planChild(request({ parent, coin: own, satPerKvb: rate, additionalCoins }));
        const isStuck = rate * BigInt(parent.vsize) > parent.feeSats * 1000n;
        expect(plan.outcome === 'unneeded').toBe(!isStuck);
        if (plan.outcome === 'short') {
          const enough = coin(30, plan.missingSats + 1_000_000n, 'p2wpkh');
          expect(planChild(request({ parent, coin: own, satPerKvb: rate, additionalCoins: [enough] })).outcome).toBe(
            'planned',
          );
        }
        if (plan.outcome !== 'planned') return;
        const { feeSats, vsize, inputs, change } = plan.transaction;
        expect(feeSats + parent.feeSats).toBe(feeOf(parent.vsize + vsize, rate));
        // Alone, too, it pays what was asked for, so that no node drops it.
        expect(feeSats).toBeGreaterThanOrEqual(feeOf(vsize, rate) - 1n);
        expect(inputs).toContainEqual(own);
        expect(change?.sats).toBeGreaterThanOrEqual(dustSats(CHANGE));
      },
    ),
    { numRuns: 60 },
  );
});

test('other unconfirmed coins are left alone', () => {
  const poor = { coin: coin(1, 600n, 'p2wpkh', 0), additionalCoins: [coin(2, 900_000n, 'p2wpkh', 0)] };
  // 18,270 − 1,717 of fee and 294 of change, less 600
  expect(planChild(request(poor))).toEqual({ outcome: 'short', missingSats: 16_553n + 294n - 600n });
});

test('a rate of nothing makes no sense', () => {
  expect(thrownBy(() => planChild(request({ satPerKvb: 0n }))).code).toBe('transaction.bad-plan');
});
