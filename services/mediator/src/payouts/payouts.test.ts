import { afterAll, describe, expect, test } from '@jest/globals';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import { openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';
import { defineLostInputCases } from './lost-inputs.contract.ts';
import { definePayoutCases } from './payouts.contract.ts';

describe('on a chain in memory', () => {
  definePayoutCases(async () => createFakeRail(), 120_000);
  describe('that is reorganised', () => defineLostInputCases(async () => createFakeRail(), 120_000));
});

describe('a node that asks for more than was paid', () => {
  const chain: FakeRailChain = createFakeRail();
  const opened: TestPayouts[] = [];
  afterAll(async () => {
    for (const { close } of opened) await close();
  });

  test('and has forgotten the payment gets a dearer one, at once; refused for another reason, none is made', async () => {
    const payouts = await openTestPayouts(chain);
    opened.push(payouts);
    await payouts.fund(300_000n);
    const { address } = await payouts.earner(90_000n);
    await payouts.run();
    const [batch] = await payouts.batches();
    const transactions = async () => (await payouts.store.findBatch(batch!.batchId))!.transactions;
    await chain.crash();
    chain.blocks.setRelayFee(20_000n);
    // Its estimate has not risen: there is nothing to go by.
    await payouts.run();
    await payouts.run();
    expect(await transactions()).toHaveLength(1);
    payouts.fee.satPerKvb = 21_000n;
    await payouts.run();
    await payouts.run();
    const [first, second, ...others] = await transactions();
    expect(others).toEqual([]);
    expect(second!.satPerKvb).toBeGreaterThanOrEqual(21_000n);
    expect(await chain.rail.transaction(second!.txid)).toEqual({ confirmations: 0 });
    chain.blocks.setRelayFee(1_000n);
    await chain.mine(6);
    await payouts.run();
    expect((await payouts.batches())[0]).toMatchObject({ state: 'final', txid: second!.txid });
    expect(await payouts.received(address)).toBe(90_000n - first!.feeSats);
    expect(await payouts.faults()).toEqual([]);
  });
});
