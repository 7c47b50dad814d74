/** Weights known before signing, against transactions that are signed. */
import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { planPayout } from './plan-payout.ts';
import { CHANGE, coin, payee, sign, signElsewhere } from './test-wallet.ts';
import { thrownBy } from './test-vectors.ts';
import { finishTransaction } from './finish-transaction.ts';
import { feeOf, inputWeight, outputWeight, transactionWeight, vsizeOf } from './weights.ts';

function planned(kinds: readonly ('p2wpkh' | 'p2tr')[], payeeCount: number) {
  const coins = kinds.map((kind, index) => coin(index + 1, 1_000_000n, kind));
  // takes every coin and leaves change
  const each = (BigInt(kinds.length) * 1_000_000n - 10_000n) / BigInt(payeeCount);
  const payees = Array.from({ length: payeeCount }, (_, index) => payee(index, each));
  const plan = planPayout({ coins, payees, satPerKvb: 1000n, changeScript: CHANGE });
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  return plan.transaction;
}

test.each<[string, readonly ('p2wpkh' | 'p2tr')[], number, number]>([
  // 10.5 vB of frame, 68 or 57.5 of each input, 31 of each output: payee and change
  ['one P2WPKH input', ['p2wpkh'], 1, 141],
  ['one P2TR input', ['p2tr'], 1, 130],
  ['two of one, one of the other', ['p2wpkh', 'p2tr', 'p2wpkh'], 1, 266],
  // the count of outputs takes 3 bytes from 253 on
  ['253 outputs', ['p2wpkh'], 252, 7924],
])('%s: as Bitcoin Core measures it', (_, kinds, payeeCount, vsize) => {
  const { psbt, ...transaction } = planned(kinds, payeeCount);
  expect(transaction.inputs).toHaveLength(kinds.length);
  expect(transaction.vsize).toBe(vsize);
  expect(sign(psbt).vsize).toBe(vsize);
});

describe('the bound', () => {
  test('is exact for P2TR', () => {
    const { psbt, weight } = planned(Array(7).fill('p2tr'), 3);
    expect(sign(psbt).weight).toBe(weight);
  });

  test('is one unit for each P2WPKH input above what this wallet signs, rarely two', () => {
    const { psbt, weight, inputs } = planned(Array(12).fill('p2wpkh'), 3);
    const spare = weight - sign(psbt).weight;
    expect(spare).toBeGreaterThanOrEqual(inputs.length);
    expect(spare).toBeLessThanOrEqual(inputs.length + 4);
  });

  test('holds for a signer that takes signatures as they come', () => {
    const { psbt, weight, inputs } = planned(Array(12).fill('p2wpkh'), 3);
    const spare = weight - finishTransaction(psbt, signElsewhere(psbt).toBase64()).weight;
    expect(spare).toBeGreaterThanOrEqual(0);
    // half of them have the longest form
    expect(spare).toBeLessThan(inputs.length);
  });
});

test('parts add up', () => {
  expect(transactionWeight(['p2wpkh', 'p2tr'], [22, 34])).toBe(
    42 + inputWeight('p2wpkh') + inputWeight('p2tr') + outputWeight(22) + outputWeight(34),
  );
  expect([inputWeight('p2wpkh') / 4, inputWeight('p2tr') / 4]).toEqual([68, 57.5]);
  expect([outputWeight(22) / 4, outputWeight(34) / 4]).toEqual([31, 43]);
  expect(thrownBy(() => inputWeight('p2pkh')).code).toBe('transaction.bad-plan');
});

test('fees are rounded up, by less than a satoshi', () => {
  fc.assert(
    fc.property(fc.nat(400_000), fc.bigInt(1n, 10_000_000n), (weight, satPerKvb) => {
      const vsize = vsizeOf(weight);
      const fee = feeOf(vsize, satPerKvb) * 1000n;
      expect(fee >= BigInt(vsize) * satPerKvb && fee < BigInt(vsize) * satPerKvb + 1000n).toBe(true);
    }),
  );
});
