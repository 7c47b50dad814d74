/** Shares of a fee: whole, exact, and as equal as can be. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { shareFee } from './share-fee.ts';

const cases = fc.record({
  fee: fc.bigInt(0n, 10_000_000n),
  own: fc.array(fc.integer({ min: 100, max: 200 }), { minLength: 1, maxLength: 60 }),
  common: fc.integer({ min: 0, max: 20_000 }),
});

test('they sum to the fee, and nobody is a satoshi away from the true share', () => {
  fc.assert(
    fc.property(cases, ({ fee, own, common }) => {
      const total = own.reduce((sum, weight) => sum + weight, common);
      const shares = shareFee(fee, own, total);
      expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(fee);
      for (const [index, share] of shares.entries()) {
        // fee · (own + common / n) / total, without fractions
        const count = BigInt(own.length);
        const exact = fee * (BigInt(own[index] ?? 0) * count + BigInt(common));
        const difference = share * BigInt(total) * count - exact;
        const sat = BigInt(total) * count;
        expect(difference > -sat && difference < sat).toBe(true);
      }
    }),
  );
});

test('equal outputs bear the same, to the satoshi; the earlier ones bear the rest', () => {
  expect(shareFee(100n, [124, 124, 124], 1000)).toEqual([34n, 33n, 33n]);
  expect(shareFee(101n, [124, 124, 124], 1000)).toEqual([34n, 34n, 33n]);
});
