/** What reorganisations take from batches and from those who are paid; the fake and the real node run the same cases. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { readTransaction } from '@holdfast/bitcoin';
import { msat } from '@holdfast/protocol';
import type { BatchSummary } from './index.ts';
import type { TestChain } from '../testing/test-chain.ts';
import { depositsOver } from '../testing/test-deposits.ts';
import { freshId } from '../testing/test-mediator.ts';
import { Crash, crashAt, openPayoutCases, type PayoutCases, settle, states } from '../testing/test-payout-cases.ts';

/** The keys of deposits are others than the hot wallet's. */
const DEPOSITS_SEED = 100;

/** @param openChain one chain for all cases; each has a wallet of its own on it */
export function defineLostInputCases(openChain: () => Promise<TestChain>, timeoutMs: number): void {
  let cases: PayoutCases;
  let chain: TestChain;
  beforeAll(async () => {
    cases = await openPayoutCases(openChain);
    ({ chain } = cases);
  }, timeoutMs);
  afterEach(() => cases.endCase(), timeoutMs);
  afterAll(() => cases?.close(), timeoutMs);
  const open: PayoutCases['open'] = (options) => cases.open(options);

  test(
    'an input that a reorganisation took away: others take its place, the payees’ amounts stay',
    async () => {
      const payouts = await open();
      payouts.fee.satPerKvb = 1_000n;
      await payouts.fund(70_000n);
      const young = await payouts.fundNow(50_000n);
      const { address } = await payouts.earner(100_000n);
      await payouts.run();
      const [{ batchId, feeSats }] = (await payouts.batches()) as [BatchSummary];
      const detail = async () => (await payouts.store.findBatch(batchId))!;
      const { designated, inputs } = await detail();
      expect(inputs.map(({ sats }) => sats).toSorted((a, b) => Number(a - b))).toEqual([50_000n, 70_000n]);
      expect(designated.txid).not.toBe(young.txid);
      await chain.reorganise(1, { without: [young.txid] });
      for (let round = 0; round < 3; round += 1) await payouts.run();
      // What hinders it is told once.
      const steps = (await detail()).steps.map(({ step }) => step);
      expect(steps).toEqual(['signed', 'broadcast', 'rejected', 'not-replaced']);
      await payouts.pause();
      await payouts.fund(60_000n);
      await payouts.run();
      expect((await detail()).transactions).toHaveLength(1);
      await payouts.resume();
      await expect(payouts.run({ onStep: crashAt('bump-stored') })).rejects.toThrow(Crash);
      await payouts.run();
      const { transactions } = await detail();
      const [first, second, ...others] = transactions.map(({ signed }) => readTransaction(signed));
      expect(others).toEqual([]);
      expect(await chain.rail.transaction(second!.txid)).toEqual({ confirmations: 0 });
      expect(second!.inputs).toContainEqual(designated);
      expect(second!.inputs).not.toContainEqual(young);
      expect(second!.outputs[0]).toEqual(first!.outputs[0]);
      await settle(payouts);
      expect((await payouts.batches())[0]).toMatchObject({ state: 'final', txid: second!.txid });
      expect(await payouts.received(address)).toBe(100_000n - feeSats);
      await payouts.earn(await payouts.node(1n), 900_000n);
      await payouts.run();
      expect((await payouts.ledger.position()).networkFees).toBe(transactions[1]!.feeSats * 1_000n);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'the designated output itself was taken out of the chain: void when that is six deep, then the money is back',
    async () => {
      const payouts = await open();
      payouts.fee.satPerKvb = 1_000n;
      await payouts.fund(50_000n);
      const young = await payouts.fundNow(70_000n);
      const { nodeId, address } = await payouts.earner(100_000n);
      await payouts.run();
      const [{ batchId }] = (await payouts.batches()) as [BatchSummary];
      expect((await payouts.store.findBatch(batchId))!.designated).toEqual(young);
      await chain.reorganise(1, { without: [young.txid] });
      const rival = (await chain.rail.rival(young.txid))!;
      expect(rival.confirmations).toBe(2);
      // Enough for a replacement: but one without the designated output could be mined beside the first.
      await payouts.fund(90_000n, 90_000n);
      await chain.disconnect(4);
      expect((await chain.rail.rival(young.txid))!.confirmations).toBe(4);
      for (let deep = 4; deep < 6; deep += 1) {
        await payouts.run();
        expect(await states(payouts)).toEqual(['broadcast']);
        await chain.mine();
      }
      expect((await payouts.store.findBatch(batchId))!.transactions).toHaveLength(1);
      await expect(payouts.run({ onStep: crashAt('void') })).rejects.toThrow(Crash);
      const { state, steps } = (await payouts.store.findBatch(batchId))!;
      expect([state, steps.at(-1)]).toMatchObject(['voided', { step: 'voided', data: { foreignTxid: rival.txid } }]);
      expect((await payouts.ledger.nodeBalance(nodeId)).earnedMsat).toBe(100_000_000n);
      expect(await payouts.faults()).toEqual([]);
      await settle(payouts);
      const paid = (await payouts.batches()).at(-1)!;
      expect(await states(payouts)).toEqual(['voided', 'final']);
      expect(await payouts.received(address)).toBe(100_000n - paid.feeSats);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a batch over the change of another one that is bumped after a reorganisation: void, and paid anew',
    async () => {
      const payouts = await open({ rules: { stuckBlocks: 1 } });
      await payouts.fund(100_000n);
      const one = await payouts.earner(40_000n);
      await payouts.run();
      await chain.mine();
      await payouts.run();
      await payouts.nextPeriod();
      const two = await payouts.earner(30_000n);
      await payouts.run();
      expect(await states(payouts)).toEqual(['confirmed', 'broadcast']);
      const [first, second] = (await payouts.batches()) as [BatchSummary, BatchSummary];
      await chain.disconnect(1);
      await chain.mineOnly([]);
      await payouts.run();
      expect(await states(payouts)).toEqual(['broadcast', 'broadcast']);
      await chain.mineOnly([]);
      await payouts.run();
      // Dear enough for what falls with it, at once.
      const bumped = (await payouts.store.findBatch(first.batchId))!.transactions.at(-1)!;
      expect(bumped.replacementNo).toBe(1);
      expect(await chain.rail.transaction(bumped.txid)).toEqual({ confirmations: 0 });
      expect(await chain.rail.transaction(second.txid)).toBeUndefined();
      await settle(payouts, 5);
      expect(await states(payouts)).toEqual(['confirmed', 'broadcast']);
      await settle(payouts, 7);
      expect(await states(payouts)).toEqual(['final', 'voided', 'final']);
      const [, , third] = (await payouts.batches()) as [BatchSummary, BatchSummary, BatchSummary];
      expect(await payouts.received(one.address)).toBe(40_000n - first.feeSats);
      expect(await payouts.received(two.address)).toBe(30_000n - third.feeSats);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a withdrawal waits while a reorganisation may take the deposit away, and is paid when it is confirmed again',
    async () => {
      const payouts = await open();
      const deposits = depositsOver(payouts, chain, payouts.clock, { seed: DEPOSITS_SEED + payouts.seed });
      const clientId = freshId();
      const address = await deposits.address(clientId);
      await deposits.look();
      await payouts.fund(300_000n);
      await chain.pay(address, 50_000n);
      await chain.mine(3);
      await deposits.look();
      const asked = await payouts.withdraw(clientId, 30_000n);
      await payouts.earner(90_000n);
      await chain.disconnect(1);
      // Whether deposits were looked at since or not: the node is paid, the client is not yet.
      await payouts.run();
      await deposits.look();
      await payouts.nextPeriod();
      await payouts.run();
      expect((await payouts.batches()).map(({ payeeCount }) => payeeCount)).toEqual([1]);
      await chain.mine();
      await payouts.run();
      const waiting = async () => (await payouts.withdrawals.list(clientId, { limit: 1 }))[0]!.state;
      expect(await waiting()).toBe('waiting');
      await deposits.look();
      await payouts.run();
      expect(await waiting()).toBe('paying');
      await settle(payouts);
      expect(await waiting()).toBe('paid');
      expect(await payouts.received(asked.address)).toBeGreaterThan(29_000n);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a deposit that is taken away takes the withdrawals that wait with it: nothing leaves, nothing is owed',
    async () => {
      const payouts = await open();
      const deposits = depositsOver(payouts, chain, payouts.clock, { seed: DEPOSITS_SEED + payouts.seed });
      const clientId = freshId();
      const address = await deposits.address(clientId);
      await deposits.look();
      await payouts.fund(300_000n);
      const { txid } = await chain.pay(address, 50_000n);
      await chain.mine(3);
      await deposits.look();
      await payouts.ledger.credit(
        { clientId, amountMsat: msat(5_000_000n), reference: freshId(8), note: 'a test' },
        payouts.clock.nowMs(),
      );
      await payouts.withdraw(clientId, 4_000n, 1);
      await payouts.withdraw(clientId, 30_000n, 2);
      await payouts.withdraw(clientId, 20_000n, 3);
      await chain.reorganise(3, { without: [txid] });
      await payouts.run();
      await deposits.look();
      await payouts.run();
      const found = (await payouts.withdrawals.list(clientId, { limit: 5 })).map(({ state }) => state);
      // The newest two suffice together with what was available.
      expect(found).toEqual(['cancelled', 'cancelled', 'paying']);
      expect(await deposits.store.owedMsat(clientId)).toBe(0n);
      expect((await payouts.ledger.clientBalance(clientId)).availableMsat).toBe(1_000_000n);
      expect((await deposits.events(clientId)).slice(-4)).toEqual([
        'withdrawal.cancelled',
        'withdrawal.cancelled',
        'deposit.reversed',
        'withdrawal.sent',
      ]);
      await settle(payouts);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );
}
