import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { msat } from '@holdfast/protocol';
import { settleWithheld, splitAccrual } from './withhold.ts';

const anyAmount = fc.bigInt({ min: 0n, max: 10n ** 18n }).map(msat);

test('a quarter is withheld, three quarters while vetting, and nothing is lost in rounding', () => {
  expect(splitAccrual(msat(1000n), 'active')).toEqual({ payableMsat: 750n, withheldMsat: 250n });
  expect(splitAccrual(msat(1000n), 'vetting')).toEqual({ payableMsat: 250n, withheldMsat: 750n });
  expect(splitAccrual(msat(3n), 'suspended')).toEqual({ payableMsat: 3n, withheldMsat: 0n });
  fc.assert(
    fc.property(
      anyAmount,
      fc.constantFrom('vetting' as const, 'active' as const, 'suspended' as const, 'leaving' as const),
      fc.bigInt({ min: 0n, max: 10_000n }),
      (amount, standing, share) => {
        const { payableMsat, withheldMsat } = splitAccrual(amount, standing, { vetting: share, others: share });
        expect(payableMsat + withheldMsat).toBe(amount);
        expect(payableMsat >= 0n && withheldMsat >= 0n).toBe(true);
        expect(withheldMsat * 10_000n <= amount * share).toBe(true);
      },
    ),
  );
});

test('repair takes what it costs, never more than is there', () => {
  fc.assert(
    fc.property(anyAmount, anyAmount, (withheld, cost) => {
      const { repairMsat, releasedMsat } = settleWithheld(withheld, cost);
      expect(repairMsat + releasedMsat).toBe(withheld);
      expect(repairMsat).toBe(cost < withheld ? cost : withheld);
    }),
  );
});
