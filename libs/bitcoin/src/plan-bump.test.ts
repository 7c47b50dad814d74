/** Replacements: BIP-125's arithmetic, and that payees never notice. */
import { describe, expect, test } from '@jest/globals';
import { runsOf } from '@holdfast/testkit';
import fc from 'fast-check';
import { type Coin, outpointKey, type PayoutTransaction, type UnsignedTransaction } from './coins.ts';
import { type BumpPlan, type BumpRequest, planBump, type PreviousPayout } from './plan-bump.ts';
import { planPayout } from './plan-payout.ts';
import { dustSats } from './scripts.ts';
import { thrownBy } from './test-vectors.ts';
import { CHANGE, coin, payee, rates, sign, txidOf } from './test-wallet.ts';
import { readTransaction } from './transactions.ts';
import { feeOf } from './weights.ts';

function payout(coins: readonly Coin[], sats: bigint, satPerKvb = 1000n): PayoutTransaction {
  const payees = [payee(1, sats), payee(2, sats, `5120${'a2'.repeat(32)}`)];
  const plan = planPayout({ coins, payees, satPerKvb, changeScript: CHANGE });
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  return plan.transaction;
}

/** As rows would keep it. */
const previousOf = (
  made: UnsignedTransaction,
  designated: PreviousPayout['designated'],
): PreviousPayout & { vsize: number } => {
  const { hex, vsize } = sign(made.psbt);
  const { inputs, change } = made;
  return { hex, vsize, inputs, designated, ...(change && { changeVout: change.vout }) };
};

const firstOf = (made: PayoutTransaction) => previousOf(made, made.designated);

function planned(plan: BumpPlan): Extract<BumpPlan, { outcome: 'planned' }> {
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  return plan;
}

/** The rules of BIP-125 that a node checks, and our own. */
function check(request: BumpRequest, fees: { previousSats: bigint; evictedSats: bigint }, plan: BumpPlan): void {
  const { transaction, addedFeeSats } = planned(plan);
  const previous = readTransaction(request.previous.hex);
  const replacement = readTransaction(sign(transaction.psbt).hex);
  const relaySats = feeOf(replacement.vsize, request.incrementalSatPerKvb ?? 1000n);
  // Rules 3 and 4: the fees of all that falls, and the relay of the new one on top.
  expect(transaction.feeSats >= fees.previousSats + fees.evictedSats + relaySats).toBe(true);
  // Rule 6 (Bitcoin Core): a higher rate than what falls.
  expect(transaction.feeSats * BigInt(previous.vsize) > fees.previousSats * BigInt(replacement.vsize)).toBe(true);
  // The rate that was asked for.
  expect(transaction.feeSats >= feeOf(replacement.vsize, request.satPerKvb)).toBe(true);
  // Rule 2: what is new among the inputs is confirmed.
  const old = new Set(previous.inputs.map(outpointKey));
  expect(transaction.inputs.every((input) => old.has(outpointKey(input)) || input.confirmations > 0)).toBe(true);
  // Ours: all inputs again, the designated one among them; the same payees, amounts and places.
  const spent = replacement.inputs.map(outpointKey);
  for (const key of old) expect(spent).toContain(key);
  expect(spent).toContain(outpointKey(request.previous.designated));
  const payeeCount = request.previous.changeVout ?? previous.outputs.length;
  expect(replacement.outputs.slice(0, payeeCount)).toEqual(previous.outputs.slice(0, payeeCount));
  expect(replacement.outputs.length - payeeCount).toBe(transaction.change === undefined ? 0 : 1);
  for (const { sats, script } of replacement.outputs) expect(sats).toBeGreaterThanOrEqual(dustSats(script));
  expect(addedFeeSats).toBe(transaction.feeSats - fees.previousSats);
}

describe('any payout, any rate', () => {
  const cases = fc.record({
    coinSats: fc.array(fc.bigInt(500n, 300_000n), { minLength: 1, maxLength: 6 }),
    more: fc.array(fc.record({ sats: fc.bigInt(500n, 90_000n), confirmations: fc.nat(1) }), { maxLength: 4 }),
    sats: fc.bigInt(2000n, 100_000n),
    rate: rates,
    bumps: fc.array(fc.bigInt(1n, 40_000n), { minLength: 1, maxLength: 3 }),
    evictedSats: fc.bigInt(0n, 3000n),
  });

  test('every bump of a chain of bumps keeps the rules', () => {
    let plannedCount = 0;
    fc.assert(
      fc.property(cases, ({ coinSats, more, sats, rate, bumps, evictedSats }) => {
        const coins = coinSats.map((amount, index) => coin(index + 1, amount, index % 2 ? 'p2tr' : 'p2wpkh'));
        const payees = [payee(1, sats), payee(2, sats)];
        const first = planPayout({ coins, payees, satPerKvb: rate / 4n, changeScript: CHANGE });
        fc.pre(first.outcome === 'planned');
        const { transaction } = first as { transaction: PayoutTransaction };
        const additionalCoins = more.map((one, index) => coin(50 + index, one.sats, 'p2wpkh', one.confirmations));
        let made: UnsignedTransaction = transaction;
        let satPerKvb = rate / 4n;
        for (const step of bumps) {
          satPerKvb += step;
          const previous = previousOf(made, transaction.designated);
          const request = {
            previous,
            satPerKvb,
            additionalCoins,
            changeScript: CHANGE,
            descendantFeesSats: evictedSats,
          };
          const plan = planBump(request);
          if (plan.outcome !== 'planned') return;
          plannedCount += 1;
          check(request, { previousSats: made.feeSats, evictedSats }, plan);
          made = plan.transaction;
        }
      }),
      { numRuns: runsOf({ short: 30, long: 600 }) },
    );
    // The generator must reach what it is for.
    expect(plannedCount).toBeGreaterThan(0);
  }, 240_000);
});

describe('the fee', () => {
  const made = payout([coin(1, 100_000n)], 20_000n);
  const base = { previous: firstOf(made), changeScript: CHANGE };

  test('comes out of the change', () => {
    const { transaction, addedFeeSats, satPerKvb } = planned(planBump({ ...base, satPerKvb: 5000n }));
    // 10.5 + 68 + 31 + 43 + 31 vB
    expect(transaction).toMatchObject({ vsize: 184, feeSats: 920n, change: { vout: 2, sats: 60_000n - 736n } });
    expect([addedFeeSats, satPerKvb]).toEqual([736n, 5000n]);
  });

  test('is higher than asked for where the rules want more', () => {
    // 184 vB at 1.1 sat/vB would be 203 sat; what is replaced paid 184, and the relay costs 184
    const plan = planned(planBump({ ...base, satPerKvb: 1100n }));
    expect(plan).toMatchObject({ addedFeeSats: 184n, satPerKvb: 2000n });
    const newer = planned(planBump({ ...base, satPerKvb: 1100n, incrementalSatPerKvb: 100n }));
    expect(newer).toMatchObject({ addedFeeSats: 19n });
  });

  test('covers what falls with the transaction', () => {
    const plan = planned(planBump({ ...base, satPerKvb: 1100n, descendantFeesSats: 5000n }));
    expect(plan.addedFeeSats).toBe(5184n);
  });

  test('the same rate again is not needed', () => {
    expect(planBump({ ...base, satPerKvb: 1000n })).toEqual({ outcome: 'unneeded', satPerKvb: 1000n });
    expect(planBump({ ...base, satPerKvb: 900n }).outcome).toBe('unneeded');
  });

  test('has a ceiling', () => {
    const dear = { ...base, satPerKvb: 5000n };
    expect(planBump({ ...dear, maxFeeSats: 919n })).toEqual({ outcome: 'too-dear', feeSats: 920n, maxFeeSats: 919n });
    expect(planBump({ ...dear, maxFeeSats: 920n }).outcome).toBe('planned');
  });

  test('takes the whole change where the rest would be dust', () => {
    const tight = payout([coin(1, 40_900n)], 20_000n);
    expect(tight.change?.sats).toBe(900n);
    const previous = firstOf(tight);
    // without change 153 vB: 765 sat at 5 sat/vB; 900 + 184 are there
    const { transaction } = planned(planBump({ previous, changeScript: CHANGE, satPerKvb: 5000n }));
    expect(transaction).toMatchObject({ feeSats: 1084n, vsize: 153 });
    expect(transaction.change).toBeUndefined();
  });
});

describe('more coins', () => {
  const even = payout([coin(1, 40_000n)], 20_000n);
  const base = { previous: firstOf(even), changeScript: CHANGE, satPerKvb: 3000n };

  test('where there is no change, and what they leave becomes change', () => {
    const additionalCoins = [coin(5, 3000n), coin(6, 50_000n), coin(7, 90_000n, 'p2wpkh', 0)];
    const { transaction } = planned(planBump({ ...base, additionalCoins }));
    expect(transaction.inputs.map(({ sats }) => sats)).toEqual([40_000n, 50_000n]);
    expect(transaction.change?.vout).toBe(2);
  });

  test('without them: how much is missing', () => {
    const plan = planBump(base);
    // 153 vB at 3 sat/vB, of which 153 sat are paid
    expect(plan).toEqual({ outcome: 'short', missingSats: 306n });
    expect(planBump({ ...base, additionalCoins: [coin(5, 90_000n, 'p2wpkh', 0)] })).toEqual(plan);
    // The same coins again are not more coins.
    expect(planBump({ ...base, additionalCoins: even.inputs })).toEqual(plan);
  });
});

describe('inputs that exist no more', () => {
  const made = payout([coin(1, 60_000n), coin(2, 50_000n), coin(3, 40_000n)], 60_000n);
  const previous = firstOf(made);
  const [kept, ...lost] = made.inputs;
  const designated = previous.designated;
  const [one, other] = lost;
  const base = { previous, changeScript: CHANGE, satPerKvb: 1000n, dropped: lost };

  test('the designated one stays, others take their place, payees notice nothing', () => {
    expect(designated).toEqual({ txid: kept!.txid, vout: kept!.vout });
    const additionalCoins = [coin(5, 45_000n), coin(6, 80_000n, 'p2wpkh', 0), coin(7, 30_000n), coin(8, 20_000n)];
    const plan = planned(planBump({ ...base, additionalCoins }));
    const replacement = readTransaction(sign(plan.transaction.psbt).hex);
    const spent = replacement.inputs.map(outpointKey);
    expect(spent.toSorted()).toEqual(
      [designated, additionalCoins[0]!, additionalCoins[2]!].map(outpointKey).toSorted(),
    );
    expect(replacement.outputs.slice(0, 2)).toEqual(readTransaction(previous.hex).outputs.slice(0, 2));
    // Whoever still has the previous one takes this instead, and the difference is never negative.
    expect(plan.addedFeeSats).toBe(feeOf(plan.transaction.vsize, 1000n));
  });

  test('one of them is still there: it is spent again, and its place is not taken', () => {
    const additionalCoins = [coin(5, 45_000n), one!];
    const { transaction } = planned(planBump({ ...base, dropped: [other!], additionalCoins }));
    const spent = transaction.inputs.map(outpointKey);
    expect(spent.toSorted()).toEqual([designated, one!, additionalCoins[0]!].map(outpointKey).toSorted());
  });

  test('a small coin suffices for the fee where the rest is there', () => {
    const rich = payout([coin(1, 200_150n), coin(2, 150_000n)], 100_000n);
    const [large, small] = rich.inputs;
    expect([large?.sats, small?.sats]).toEqual([200_150n, 150_000n]);
    const request = { previous: firstOf(rich), changeScript: CHANGE, satPerKvb: 1000n, dropped: [small!] };
    expect(planBump(request).outcome).toBe('short');
    expect(planBump({ ...request, additionalCoins: [coin(9, 5000n)] }).outcome).toBe('planned');
  });

  test('without money in their place: how much is missing; they do not count again', () => {
    const plan = planBump({ ...base, additionalCoins: lost });
    expect(plan).toMatchObject({ outcome: 'short' });
    expect(planBump(base)).toEqual(plan);
  });

  test('neither the designated one nor what is not spent can be dropped', () => {
    for (const dropped of [[designated], [{ txid: txidOf(77), vout: 0 }], [...lost, { txid: txidOf(77), vout: 0 }]]) {
      const request = { ...base, dropped, additionalCoins: [coin(5, 300_000n)] };
      expect(thrownBy(() => planBump(request)).code).toBe('transaction.bad-plan');
    }
  });
});

describe('a previous payout that is not what it says', () => {
  const made = payout([coin(1, 100_000n), coin(2, 90_000n)], 90_000n);
  const previous = firstOf(made);
  const [first] = made.inputs;
  test.each<[string, Partial<PreviousPayout>]>([
    ['other coins', { inputs: [coin(1, 100_000n), coin(3, 90_000n)] }],
    ['a coin too few', { inputs: first ? [first] : [] }],
    ['a coin too many', { inputs: [...made.inputs, coin(9, 1000n)] }],
    ['another designated coin', { designated: { txid: txidOf(9), vout: 0 } }],
    ['change that is not the last output', { changeVout: 0 }],
    ['amounts that are too small', { inputs: made.inputs.map((input) => ({ ...input, sats: 1000n })) }],
  ])('%s', (_, wrong) => {
    const request = { previous: { ...previous, ...wrong }, satPerKvb: 9000n, changeScript: CHANGE };
    expect(thrownBy(() => planBump(request)).code).toBe('transaction.bad-plan');
    expect(planBump({ ...request, previous }).outcome).toBe('planned');
  });

  test('no transaction at all', () => {
    const request = { previous: { ...previous, hex: 'ff' }, satPerKvb: 9000n, changeScript: CHANGE };
    expect(thrownBy(() => planBump(request)).code).toBe('transaction.malformed');
  });
});
