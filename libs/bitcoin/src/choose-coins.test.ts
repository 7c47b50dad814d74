/** The choice of coins, against every other choice that there is. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { chooseCoins } from './choose-coins.ts';
import type { Coin } from './coins.ts';
import { coin } from './test-wallet.ts';

const sum = (coins: readonly Coin[]): bigint => coins.reduce((total, { sats }) => total + sats, 0n);

const subsets = (coins: readonly Coin[]): Coin[][] =>
  coins.reduce<Coin[][]>((all, one) => [...all, ...all.map((some) => [...some, one])], [[]]);

const cases = fc.record({
  // Close together, so that sums fall into the gap between even and change.
  free: fc.array(fc.bigInt(1n, 40n), { maxLength: 8 }).map((list) => list.map((sats, index) => coin(index + 10, sats))),
  forced: fc.array(fc.bigInt(1n, 40n), { maxLength: 1 }).map((list) => list.map((sats) => coin(1, sats))),
  targetSats: fc.bigInt(1n, 120n),
});
const leastChangeSats = 9n;

test('enough, with every forced one, no more than it takes, and never dust where that can be helped', () => {
  fc.assert(
    fc.property(cases, ({ free, forced, targetSats }) => {
      const chosen = chooseCoins({ targetSats, leastChangeSats, forced, free });
      const all = subsets(free).map((some) => [...forced, ...some]);
      const withChange = all.filter((some) => sum(some) >= targetSats + leastChangeSats);
      const enough = all.filter((some) => sum(some) >= targetSats);
      expect(chosen === undefined).toBe(enough.length === 0);
      if (chosen === undefined) return;
      for (const one of forced) expect(chosen).toContain(one);
      expect(new Set(chosen).size).toBe(chosen.length);
      expect([...forced, ...free]).toEqual(expect.arrayContaining(chosen));
      const spareSats = sum(chosen) - targetSats;
      expect(spareSats).toBeGreaterThanOrEqual(0n);
      if (withChange.length === 0) return;
      expect(spareSats === 0n || spareSats >= leastChangeSats).toBe(true);
      expect(chosen.length).toBeLessThanOrEqual(Math.min(...withChange.map((some) => some.length)));
    }),
    { numRuns: 500 },
  );
});

test('one that comes out even, rather than two', () => {
  const free = [coin(1, 105n), coin(2, 100n)];
  expect(chooseCoins({ targetSats: 100n, leastChangeSats, forced: [], free })).toEqual([free[1]]);
});
