/** Batches of payouts: whatever coins and payees there are, the sums are exact and nothing is lost. */
import { describe, expect, test } from '@jest/globals';
import { runsOf } from '@holdfast/testkit';
import fc from 'fast-check';
import { outpointKey, type PayoutTransaction } from './coins.ts';
import { MAX_STANDARD_WEIGHT, type PayoutPlan, type PayoutRequest, planPayout } from './plan-payout.ts';
import { dustSats } from './scripts.ts';
import { thrownBy } from './test-vectors.ts';
import { CHANGE, coin, coins, payee, payees, rates, sign, txidOf } from './test-wallet.ts';
import { readTransaction } from './transactions.ts';
import { feeOf } from './weights.ts';

/** Half of them with a designated coin, where one is confirmed. */
const requests = fc
  .record({ coins, payees, satPerKvb: rates, pick: fc.integer({ min: -10, max: 9 }) })
  .map(({ pick, ...parts }): PayoutRequest => {
    const confirmed = parts.coins.filter(({ confirmations }) => confirmations > 0);
    const designated = confirmed.length > 0 && pick >= 0 ? confirmed[pick % confirmed.length] : undefined;
    return { ...parts, changeScript: CHANGE, ...(designated && { designated }) };
  });

/** The batch itself, or what it comes to when those that are too small are left out. */
function planOf(plan: PayoutPlan): PayoutTransaction {
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  return plan.transaction;
}

const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

/** What must hold of every plan. */
function check(request: PayoutRequest, made: PayoutTransaction): void {
  const { coins: given, payees: due, satPerKvb, changeScript, designated } = request;
  const { outputs, inputs } = readTransaction(sign(made.psbt).hex);
  const spentSats = sum(made.inputs.map(({ sats }) => sats));
  // Nothing appears and nothing disappears.
  expect(spentSats).toBe(sum(outputs.map(({ sats }) => sats)) + made.feeSats);
  expect(inputs.map(outpointKey)).toEqual(made.inputs.map(outpointKey));
  expect(new Set(inputs.map(outpointKey)).size).toBe(inputs.length);
  // Each payee gets what is due, less its share; shares and the mediator's part are the fee.
  expect(made.payments.map(({ id }) => id)).toEqual(due.map(({ id }) => id).toSorted());
  for (const payment of made.payments) {
    expect(payment.receivedSats + payment.feeShareSats).toBe(due.find(({ id }) => id === payment.id)?.sats);
    expect(outputs[payment.vout]).toEqual({ sats: payment.receivedSats, script: payment.script });
  }
  expect(sum(made.payments.map(({ feeShareSats }) => feeShareSats)) + made.mediatorFeeSats).toBe(made.feeSats);
  // The rate is met, to the satoshi of the size that was reckoned with.
  expect(made.feeSats - made.mediatorFeeSats).toBe(feeOf(made.vsize, satPerKvb));
  // Nothing is dust, change is the last output and the mediator's.
  for (const { sats, script } of outputs) expect(sats).toBeGreaterThanOrEqual(dustSats(script));
  expect(outputs).toHaveLength(due.length + (made.change === undefined ? 0 : 1));
  if (made.change === undefined) expect(made.mediatorFeeSats).toBeLessThan(dustSats(changeScript));
  else expect(made.change).toEqual({ vout: due.length, script: changeScript, sats: outputs.at(-1)?.sats });
  // Only confirmed coins that were offered.
  for (const input of made.inputs) expect(given).toContainEqual(input);
  expect(made.inputs.every(({ confirmations }) => confirmations > 0)).toBe(true);
  expect(made.inputs.map(outpointKey)).toContain(outpointKey(made.designated));
  if (designated !== undefined) expect(outpointKey(made.designated)).toBe(outpointKey(designated));
}

describe('any coins, any payees', () => {
  test('sums are exact, nothing is dust, nothing unconfirmed is spent', () => {
    const outcomes = { planned: 0, short: 0, dust: 0, heavy: 0 };
    fc.assert(
      fc.property(requests, (request) => {
        let plan = planPayout(request);
        outcomes[plan.outcome] += 1;
        if (plan.outcome === 'dust') {
          const small = new Set(plan.payees.map(({ id }) => id));
          const left = request.payees.filter(({ id }) => !small.has(id));
          if (left.length === 0) return;
          plan = planPayout({ ...request, payees: left });
          if (plan.outcome === 'planned') check({ ...request, payees: left }, plan.transaction);
        } else if (plan.outcome === 'planned') check(request, plan.transaction);
      }),
      { numRuns: runsOf({ short: 100, long: 2000 }) },
    );
    // The generator must reach the cases that it is for.
    expect(outcomes.planned).toBeGreaterThan(5);
    expect(outcomes.short).toBeGreaterThan(5);
    expect(outcomes.dust).toBeGreaterThan(5);
  }, 240_000);

  test('the order that they come in does not matter', () => {
    fc.assert(
      fc.property(
        requests.chain((request) =>
          fc.record({
            request: fc.constant(request),
            coins: fc.shuffledSubarray([...request.coins], { minLength: request.coins.length }),
            payees: fc.shuffledSubarray([...request.payees], { minLength: request.payees.length }),
          }),
        ),
        ({ request, ...shuffled }) => {
          expect(planPayout({ ...request, ...shuffled })).toEqual(planPayout(request));
        },
      ),
      { numRuns: 60 },
    );
  });

  test('what is missing is exactly what would do', () => {
    fc.assert(
      fc.property(requests, (request) => {
        const plan = planPayout(request);
        fc.pre(plan.outcome === 'short');
        const { missingSats } = plan as { missingSats: bigint };
        // Coins that cost more than they are worth do not help, so what is missing comes as one that is worth it.
        const more = coin(99, missingSats + 1_000_000n);
        expect(planPayout({ ...request, coins: [...request.coins, more] }).outcome).not.toBe('short');
        const less = coin(99, missingSats > 1n ? missingSats - 1n : 1n);
        expect(planPayout({ ...request, coins: [...request.coins, less] }).outcome).toBe('short');
      }),
      { numRuns: 60 },
    );
  });
});

describe('coins', () => {
  const plan = (amounts: readonly bigint[], sats: bigint, more: Partial<PayoutRequest> = {}) =>
    planPayout({
      coins: amounts.map((amount, index) => coin(index + 1, amount)),
      payees: [payee(1, sats)],
      satPerKvb: 1000n,
      changeScript: CHANGE,
      ...more,
    });
  const spent = (made: PayoutPlan) => planOf(made).inputs.map(({ sats }) => sats);

  test('as few as will do, and the smallest that will do', () => {
    expect(spent(plan([10_000n, 90_000n, 50_000n, 20_000n], 15_000n))).toEqual([20_000n]);
    expect(spent(plan([10_000n, 90_000n, 50_000n, 20_000n], 95_000n))).toEqual([10_000n, 90_000n]);
  });

  test('no change where it comes out even', () => {
    const made = planOf(plan([20_000n, 90_000n], 90_000n));
    expect(made).toMatchObject({ mediatorFeeSats: 0n, feeSats: 110n, inputs: [{ sats: 90_000n }] });
    expect(made.change).toBeUndefined();
  });

  test('another coin rather than change that is dust', () => {
    const made = planOf(plan([20_000n, 10_000n], 19_900n));
    expect(made.inputs).toHaveLength(2);
    expect(made.change?.sats).toBe(10_100n);
  });

  test('where there is no other, dust goes to the miners, and the mediator bears it', () => {
    const made = planOf(plan([20_000n], 19_900n));
    expect(made).toMatchObject({ mediatorFeeSats: 100n, feeSats: 210n });
    expect(made.payments[0]).toMatchObject({ feeShareSats: 110n, receivedSats: 19_790n });
    expect(made.change).toBeUndefined();
  });

  test('the least change that is made is the least that is relayed', () => {
    expect(planOf(plan([20_294n], 20_000n)).change?.sats).toBe(294n);
    expect(planOf(plan([20_293n], 20_000n))).toMatchObject({ mediatorFeeSats: 293n });
  });

  test('unconfirmed ones do not count', () => {
    const only = { coins: [coin(1, 50_000n, 'p2wpkh', 0), coin(2, 5000n)] };
    expect(plan([], 10_000n, only)).toEqual({ outcome: 'short', missingSats: 5000n });
  });

  test('those that cost more than they are worth are left alone', () => {
    // 68 vB at 50 sat/vB: 3,400 sat
    const two = { satPerKvb: 50_000n };
    expect(plan([3400n, 50_000n], 53_400n, two)).toEqual({ outcome: 'short', missingSats: 3400n });
    expect(planOf(plan([3401n, 50_000n], 53_401n, two)).inputs).toHaveLength(2);
  });

  test('the designated one is spent in any case, though it is small and not needed', () => {
    const designated = { txid: txidOf(1), vout: 1 };
    const made = planOf(plan([400n, 90_000n, 60_000n], 50_000n, { designated, satPerKvb: 50_000n }));
    expect(made.designated).toEqual(designated);
    expect(made.inputs.map(({ sats }) => sats)).toEqual([400n, 60_000n]);
  });

  test('the designated one alone where it is enough', () => {
    const made = planOf(plan([90_000n, 60_000n], 50_000n, { designated: { txid: txidOf(1), vout: 1 } }));
    expect(spent({ outcome: 'planned', transaction: made })).toEqual([90_000n]);
  });

  test('of a kind that is not signed here are left alone', () => {
    const foreign = { ...coin(1, 90_000n), script: `0020${'00'.repeat(32)}` };
    expect(plan([], 50_000n, { coins: [foreign] })).toEqual({ outcome: 'short', missingSats: 50_000n });
  });
});

describe('payees', () => {
  test('below dust after their share: all of them are named, with what they lack', () => {
    const request = {
      coins: [coin(1, 1_000_000n)],
      payees: [payee(1, 400n), payee(2, 100_000n), payee(3, 394n + 40n), payee(4, 20n)],
      satPerKvb: 1000n,
      changeScript: CHANGE,
    };
    // 234 vB: 59 sat for the first two, 58 for the others
    const plan = planPayout(request);
    expect(plan).toEqual({ outcome: 'dust', payees: [{ id: 'node-00004', feeShareSats: 58n, dustSats: 294n }] });
    const cheap = planPayout({ ...request, payees: [payee(1, 352n), payee(2, 100_000n)] });
    expect(cheap).toMatchObject({ outcome: 'dust', payees: [{ id: 'node-00001', feeShareSats: 86n }] });
  });

  test('two with one address get two outputs', () => {
    const twice = [payee(1, 10_000n), payee(2, 10_000n)];
    const made = planOf(
      planPayout({ coins: [coin(1, 100_000n)], payees: twice, satPerKvb: 1000n, changeScript: CHANGE }),
    );
    expect(made.payments.map(({ vout, receivedSats }) => [vout, receivedSats])).toEqual([
      [0, 9914n],
      [1, 9914n],
    ]);
  });

  test('with a longer script bear more of the fee', () => {
    const made = planOf(
      planPayout({
        coins: [coin(1, 1_000_000n)],
        payees: [payee(1, 50_000n), payee(2, 50_000n, `5120${'a2'.repeat(32)}`)],
        satPerKvb: 10_000n,
        changeScript: CHANGE,
      }),
    );
    // P2WPKH 31 vB, P2TR 43 vB, and an equal part of the other 110
    const [small, large] = made.payments.map(({ feeShareSats }) => feeShareSats);
    expect((large ?? 0n) - (small ?? 0n)).toBe(120n);
  });

  test('a thousand of the heaviest kind fit into one transaction', () => {
    const many = Array.from({ length: 1000 }, (_, index) => payee(index, 20_000n, `0020${'a5'.repeat(32)}`));
    const made = Array.from({ length: 30 }, (_, index) => coin(index + 1, 1_000_000n));
    const plan = planOf(planPayout({ coins: made, payees: many, satPerKvb: 2000n, changeScript: CHANGE }));
    expect(plan.weight).toBeLessThan(MAX_STANDARD_WEIGHT);
    const shares = new Set(plan.payments.map(({ feeShareSats }) => feeShareSats));
    expect(shares.size).toBeLessThanOrEqual(2);
    expect(sign(plan.psbt).vsize).toBeLessThanOrEqual(plan.vsize);
  });

  test('too many for one transaction: how heavy it would be', () => {
    const many = Array.from({ length: 3000 }, (_, index) => payee(index, 20_000n, `0020${'a5'.repeat(32)}`));
    const request = { coins: [coin(1, 100_000_000n)], payees: many, satPerKvb: 1000n, changeScript: CHANGE };
    const plan = planPayout(request);
    expect(plan).toMatchObject({ outcome: 'heavy', maxWeight: 400_000 });
    expect((plan as { weight: number }).weight).toBeGreaterThan(3000 * 43 * 4);
    expect(planPayout({ ...request, payees: many.slice(0, 100), maxWeight: 17_000 })).toMatchObject({
      outcome: 'heavy',
    });
  });
});

describe('requests that make no sense', () => {
  const good: PayoutRequest = {
    coins: [coin(1, 100_000n)],
    payees: [payee(1, 50_000n)],
    satPerKvb: 1000n,
    changeScript: CHANGE,
  };
  test.each<[string, Partial<PayoutRequest>]>([
    ['nobody to pay', { payees: [] }],
    ['a payee twice', { payees: [payee(1, 50_000n), payee(1, 20_000n)] }],
    ['an amount of nothing', { payees: [payee(1, 0n)] }],
    ['an amount below zero', { payees: [payee(1, -1n)] }],
    ['more than there can be', { payees: [payee(1, 2_100_000_000_000_001n)] }],
    ['a payee’s script of no standard kind', { payees: [payee(1, 50_000n, '6a00')] }],
    ['a change script of no standard kind', { changeScript: '51' }],
    ['a rate of nothing', { satPerKvb: 0n }],
    ['a coin twice', { coins: [coin(1, 100_000n), coin(1, 100_000n)] }],
    ['a coin without an id', { coins: [{ ...coin(1, 100_000n), txid: 'ab' }] }],
    ['a coin without an output', { coins: [{ ...coin(1, 100_000n), vout: -1 }] }],
    ['a designated coin that is not there', { designated: { txid: txidOf(9), vout: 0 } }],
    [
      'a designated coin that is not confirmed',
      { coins: [coin(1, 100_000n, 'p2tr', 0)], designated: { txid: txidOf(1), vout: 1 } },
    ],
  ])('%s', (_, wrong) => {
    expect(planPayout(good).outcome).toBe('planned');
    expect(thrownBy(() => planPayout({ ...good, ...wrong })).code).toBe('transaction.bad-plan');
  });
});
