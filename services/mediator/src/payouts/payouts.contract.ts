/** What payouts must do on every chain: the fake and the real regtest node run the same cases. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readTransaction } from '@holdfast/bitcoin';
import { type HoldfastError, msat } from '@holdfast/protocol';
import { type BatchSummary, PAYOUT_MOMENTS, type PayoutMoment } from './index.ts';
import type { TestChain } from '../testing/test-chain.ts';
import { depositsOver } from '../testing/test-deposits.ts';
import { freshId } from '../testing/test-mediator.ts';
import { foreignSpend, openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';

/** The keys of deposits are others than the hot wallet's. */
const DEPOSITS_SEED = 100;

const HOUR_MS = 3_600_000;

class Crash extends Error {}

/** Once. */
function crashAt(moment: PayoutMoment): (step: PayoutMoment) => void {
  let hasCrashed = false;
  return (step) => {
    if (step !== moment || hasCrashed) return;
    hasCrashed = true;
    throw new Crash();
  };
}

/** @param openChain one chain for all cases; each has a wallet of its own on it */
export function definePayoutCases(openChain: () => Promise<TestChain>, timeoutMs: number): void {
  let chain: TestChain;
  let seed = 0;
  const opened: TestPayouts[] = [];
  beforeAll(async () => {
    chain = await openChain();
  }, timeoutMs);
  afterAll(async () => {
    for (const { close } of opened) await close();
    await chain?.close();
  }, timeoutMs);
  const open = async (options: Parameters<typeof openTestPayouts>[1] = {}) => {
    seed += 1;
    const payouts = await openTestPayouts(chain, { seed, ...options });
    opened.push(payouts);
    return payouts;
  };
  /** Rounds and blocks until everything is final. */
  const settle = async (payouts: TestPayouts, blocks = 6): Promise<void> => {
    await payouts.run();
    for (let block = 0; block < blocks; block += 1) {
      await chain.mine();
      await payouts.run();
    }
  };
  /** What an address bore of all fees. */
  const sharesOf = async (payouts: TestPayouts, address: string): Promise<bigint> => {
    let sum = 0n;
    for (const { batchId } of await payouts.batches()) {
      const { payees } = (await payouts.store.findBatch(batchId))!;
      for (const payee of payees) if (payee.address === address) sum += payee.feeShareSats;
    }
    return sum;
  };
  const states = async (payouts: TestPayouts) => (await payouts.batches()).map(({ state }) => state);

  test(
    'pays nodes and withdrawals in one batch, to the satoshi',
    async () => {
      const payouts = await open();
      await payouts.fund(1_000_000n);
      const one = await payouts.earner(50_000n);
      const two = await payouts.earner(70_000n);
      const clientId = await payouts.client(30_000n);
      const asked = await payouts.withdraw(clientId, 20_000n);
      await payouts.run();
      expect(await states(payouts)).toEqual(['broadcast']);
      expect((await payouts.ledger.nodeBalance(one.nodeId)).earnedMsat).toBe(0n);
      await chain.mine();
      await payouts.run();
      expect(await states(payouts)).toEqual(['confirmed']);
      await settle(payouts, 5);
      expect(await states(payouts)).toEqual(['final']);
      const [batch] = await payouts.batches();
      const detail = (await payouts.store.findBatch(batch!.batchId))!;
      const byAddress = new Map(detail.payees.map((payee) => [payee.address, payee]));
      for (const [address, gross] of [
        [one.address, 50_000n],
        [two.address, 70_000n],
        [asked.address, 20_000n],
      ] as const) {
        const { grossSats, feeShareSats } = byAddress.get(address)!;
        expect(grossSats).toBe(gross);
        expect(await payouts.received(address)).toBe(gross - feeShareSats);
      }
      const position = await payouts.ledger.position();
      expect(position.payoutsPaid + position.withdrawalsPaid + position.networkFees).toBe(140_000_000n);
      expect(position.payoutsInFlight + position.withdrawalsInFlight).toBe(0n);
      expect(detail.steps.map(({ step }) => step)).toEqual(['signed', 'broadcast', 'confirmed', 'final']);
      expect((await payouts.withdrawals.list(clientId, { limit: 5 }))[0]).toMatchObject({ state: 'paid' });
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'never spends what is not confirmed, nor what another open batch spends',
    async () => {
      const payouts = await open();
      await payouts.fund(100_000n);
      await payouts.earner(40_000n);
      await payouts.run();
      await payouts.nextPeriod();
      await payouts.earner(40_000n);
      await payouts.run();
      // The change of the first one is not confirmed, and there is nothing else.
      expect(await states(payouts)).toEqual(['broadcast']);
      await chain.mine();
      await payouts.run();
      expect(await states(payouts)).toEqual(['confirmed', 'broadcast']);
      const [first, second] = await payouts.batches();
      const detail = (await payouts.store.findBatch(second!.batchId))!;
      expect(detail.inputs.map(({ txid }) => txid)).toEqual([first!.txid]);
      await settle(payouts);
      expect(await states(payouts)).toEqual(['final', 'final']);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a crash at any moment: the same transaction, one payment, and the ledger agrees',
    async () => {
      const reached = new Set<PayoutMoment>();
      for (const moment of PAYOUT_MOMENTS.filter((name) => !name.startsWith('bump') && !name.includes('void'))) {
        const payouts = await open();
        await payouts.fund(200_000n);
        const { nodeId, address } = await payouts.earner(90_000n);
        const onStep = crashAt(moment);
        for (let round = 0; round < 9; round += 1) {
          await payouts.run({ onStep }).catch((error: unknown) => {
            if (!(error instanceof Crash)) throw error;
            reached.add(moment);
          });
          // A round after it, too: before a block hides what was forgotten.
          await payouts.run({ onStep });
          if (round > 0) await chain.mine();
        }
        expect([moment, await states(payouts)]).toEqual([moment, ['final']]);
        const [batch] = await payouts.batches();
        expect([moment, await payouts.received(address)]).toEqual([moment, 90_000n - batch!.feeSats]);
        expect((await payouts.ledger.nodeBalance(nodeId)).earnedMsat).toBe(0n);
        expect([moment, await payouts.faults()]).toEqual([moment, []]);
      }
      expect(reached.size).toBe(10);
    },
    timeoutMs * 10,
  );

  test(
    'a lost answer to the broadcast, and a node that is away meanwhile',
    async () => {
      const payouts = await open();
      await payouts.fund(200_000n);
      const { address } = await payouts.earner(90_000n);
      chain.loseNextAnswer();
      await payouts.run();
      expect(await states(payouts)).toEqual(['signed']);
      await chain.goAway();
      await payouts.run();
      await chain.comeBack();
      await payouts.run();
      expect(await states(payouts)).toEqual(['broadcast']);
      await settle(payouts);
      const [batch] = await payouts.batches();
      expect(await payouts.received(address)).toBe(90_000n - batch!.feeSats);
      expect((await payouts.store.findBatch(batch!.batchId))!.transactions).toHaveLength(1);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a node that was killed and forgot its mempool gets it again',
    async () => {
      const payouts = await open();
      await payouts.fund(200_000n);
      const { address } = await payouts.earner(90_000n);
      await payouts.run();
      await chain.crash();
      await payouts.run();
      await settle(payouts);
      const [batch] = await payouts.batches();
      expect(batch!.state).toBe('final');
      expect(await payouts.received(address)).toBe(90_000n - batch!.feeSats);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test.each([1, 2, 3, 4, 5, 6])(
    'a reorganisation of %i blocks takes a payout out; it comes back by itself',
    async (depth) => {
      const payouts = await open();
      await payouts.fund(200_000n);
      const { address } = await payouts.earner(90_000n);
      await payouts.run();
      await chain.mine(Math.min(depth, 5));
      await payouts.run();
      expect(await states(payouts)).toEqual(['confirmed']);
      await chain.disconnect(depth);
      await payouts.run();
      expect(await states(payouts)).toEqual(['broadcast']);
      await settle(payouts, 8);
      const [batch] = await payouts.batches();
      expect(batch!.state).toBe('final');
      expect(await payouts.received(address)).toBe(90_000n - batch!.feeSats);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a fee spike: bumped from the mediator’s change, the payees’ amounts stay, and either one settles it',
    async () => {
      const payouts = await open({ rules: { stuckBlocks: 2 } });
      await payouts.fund(300_000n);
      const { address } = await payouts.earner(90_000n);
      await payouts.run();
      const [before] = await payouts.batches();
      await chain.mineOnly([]);
      await payouts.run();
      expect((await payouts.store.findBatch(before!.batchId))!.transactions).toHaveLength(1);
      payouts.fee.satPerKvb = 30_000n;
      await chain.mineOnly([]);
      await payouts.run();
      const detail = (await payouts.store.findBatch(before!.batchId))!;
      expect(detail.transactions).toHaveLength(2);
      const [first, second] = detail.transactions;
      expect(second!.feeSats).toBeGreaterThan(first!.feeSats * 10n);
      const paid = (hex: string) => readTransaction(hex).outputs[0];
      expect(paid(second!.signed)).toEqual(paid(first!.signed));
      expect(await chain.rail.transaction(second!.txid)).toMatchObject({ confirmations: 0 });
      await settle(payouts);
      const [after] = await payouts.batches();
      expect(after).toMatchObject({ state: 'final', extraFeeSats: second!.feeSats - first!.feeSats });
      expect(await payouts.received(address)).toBe(90_000n - before!.feeSats);
      // The mediator's commission has not been enough for that yet: it is booked once it is.
      await payouts.earn(await payouts.node(1n), 900_000n);
      await payouts.run();
      const { networkFees } = await payouts.ledger.position();
      expect(networkFees).toBe(second!.feeSats * 1_000n);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'the first transaction is mined though a replacement was stored: that one settles it',
    async () => {
      const payouts = await open({ rules: { stuckBlocks: 1 } });
      await payouts.fund(300_000n);
      const { address } = await payouts.earner(90_000n);
      await payouts.run();
      const [batch] = await payouts.batches();
      const first = (await payouts.store.findBatch(batch!.batchId))!.transactions[0]!;
      await chain.mineOnly([]);
      await expect(payouts.run({ onStep: crashAt('bump-stored') })).rejects.toThrow(Crash);
      await chain.mineOnly([first.signed]);
      await payouts.run();
      expect((await payouts.store.findBatch(batch!.batchId))!.transactions).toHaveLength(2);
      await settle(payouts, 5);
      expect((await payouts.batches())[0]).toMatchObject({ state: 'final', txid: first.txid, extraFeeSats: 0n });
      expect(await payouts.received(address)).toBe(90_000n - first.feeSats);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'crashes around a bump: the stored replacement goes out, nobody is paid twice',
    async () => {
      for (const moment of PAYOUT_MOMENTS.filter((name) => name.startsWith('bump'))) {
        const payouts = await open({ rules: { stuckBlocks: 2 } });
        await payouts.fund(300_000n);
        const { address } = await payouts.earner(90_000n);
        await payouts.run();
        await chain.mineOnly([]);
        await chain.mineOnly([]);
        const onStep = crashAt(moment);
        await expect(payouts.run({ onStep })).rejects.toThrow(Crash);
        await payouts.run({ onStep });
        const [batch] = await payouts.batches();
        const { transactions } = (await payouts.store.findBatch(batch!.batchId))!;
        expect([moment, transactions.length]).toEqual([moment, 2]);
        expect(await chain.rail.transaction(transactions[1]!.txid)).toMatchObject({ confirmations: 0 });
        await settle(payouts);
        expect(await states(payouts)).toEqual(['final']);
        expect([moment, await payouts.received(address)]).toEqual([moment, 90_000n - batch!.feeSats]);
        expect([moment, await payouts.faults()]).toEqual([moment, []]);
      }
    },
    timeoutMs * 4,
  );

  test(
    'a foreign spend after a reorganisation: void only when it is six deep, then the money is back',
    async () => {
      const payouts = await open();
      await payouts.fund(300_000n);
      const { nodeId, address } = await payouts.earner(90_000n);
      const clientId = await payouts.client(30_000n);
      await payouts.withdraw(clientId, 20_000n);
      await payouts.run();
      await chain.mine(2);
      await payouts.run();
      const [batch] = await payouts.batches();
      const detail = (await payouts.store.findBatch(batch!.batchId))!;
      // Somebody with the same seed, and a block that prefers him.
      const foreign = foreignSpend(detail.inputs, seed, await chain.outsideAddress());
      await chain.disconnect(2);
      await chain.mineOnly([foreign]);
      for (let deep = 1; deep < 6; deep += 1) {
        await payouts.run();
        expect(await states(payouts)).toEqual(['broadcast']);
        await chain.mine();
      }
      await expect(payouts.run({ onStep: crashAt('void') })).rejects.toThrow(Crash);
      await payouts.run();
      expect(await states(payouts)).toContain('voided');
      expect(await payouts.received(address)).toBe(0n);
      expect((await payouts.ledger.nodeBalance(nodeId)).earnedMsat).toBe(90_000_000n);
      expect((await payouts.ledger.clientBalance(clientId)).availableMsat).toBe(30_000_000n);
      expect(await payouts.faults()).toEqual([]);
      // Paid at last, by the next batch.
      await payouts.fund(300_000n);
      await settle(payouts, 7);
      const paid = (await payouts.batches()).at(-1)!;
      expect(paid.state).toBe('final');
      expect(await payouts.received(address)).toBe(90_000n - paid.feeSats);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

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
      expect(inputs.map(({ sats }) => sats).toSorted()).toEqual([50_000n, 70_000n]);
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
      const deposits = depositsOver(payouts, chain, payouts.clock, { seed: DEPOSITS_SEED + seed });
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
      const deposits = depositsOver(payouts, chain, payouts.clock, { seed: DEPOSITS_SEED + seed });
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

  test(
    'limits of the hour and of the day: nodes are paid in parts, withdrawals wait their turn, nothing is paid beyond',
    async () => {
      const payouts = await open({ rules: { hourlyLimitSats: 100_000n, dailyLimitSats: 150_000n } });
      await payouts.fund(90_000n, 90_000n, 90_000n, 90_000n, 90_000n);
      const { address } = await payouts.earner(200_000n);
      const clientId = await payouts.client(60_000n);
      await payouts.withdraw(clientId, 40_000n);
      const left = async () => (await payouts.batches()).map(({ grossSats }) => grossSats);
      await payouts.run();
      // The withdrawal first, of the node what is left of the hour.
      expect(await left()).toEqual([100_000n]);
      await payouts.withdraw(clientId, 20_000n, 2);
      await payouts.clock.advance(HOUR_MS / 2);
      await payouts.run();
      // A period begins anew, but the hour before it was full.
      expect(await left()).toEqual([100_000n]);
      await payouts.clock.advance(HOUR_MS / 2 + 1);
      await payouts.run();
      expect(await left()).toEqual([100_000n, 50_000n]);
      for (let hour = 0; hour < 22; hour += 1) {
        await payouts.nextPeriod();
        await payouts.run();
      }
      // The day is full, whatever the hours say.
      expect(await left()).toEqual([100_000n, 50_000n]);
      await chain.mine(6);
      await payouts.nextPeriod();
      await payouts.run();
      expect(await left()).toEqual([100_000n, 50_000n, 100_000n]);
      await settle(payouts);
      expect(await states(payouts)).toEqual(['final', 'final', 'final']);
      const shares = await sharesOf(payouts, address);
      expect(await payouts.received(address)).toBe(60_000n + 30_000n + 100_000n - shares);
      const asked = await payouts.withdrawals.list(clientId, { limit: 5 });
      expect(asked.map(({ state }) => state)).toEqual(['paid', 'paid']);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'above the limit a payee waits for an admin’s word, which is good for one payment',
    async () => {
      const payouts = await open({ rules: { approvalSats: 50_000n } });
      await payouts.fund(300_000n, 300_000n, 300_000n);
      const node = await payouts.earner(120_000n);
      const small = await payouts.earner(40_000n);
      const clientId = await payouts.client(120_000n);
      const { withdrawalId } = await payouts.withdraw(clientId, 70_000n);
      const left = async () => (await payouts.batches()).map(({ grossSats }) => grossSats);
      await payouts.run();
      expect(await left()).toEqual([40_000n]);
      const terms = (upToSats: bigint) => ({ upToSats, approvedBy: 'ab'.repeat(32), note: 'a test' });
      const nowMs = payouts.clock.nowMs();
      // Not enough for the withdrawal; of what the node has earned, so much is paid.
      await payouts.store.approve({ withdrawalId }, terms(69_999n), nowMs);
      await payouts.store.approve({ nodeId: node.nodeId }, terms(60_000n), nowMs);
      await payouts.nextPeriod();
      await payouts.run();
      expect(await left()).toEqual([40_000n, 60_000n]);
      await payouts.store.approve({ withdrawalId }, terms(70_000n), nowMs);
      // The word for the node is used up, and the rest is above the limit, too.
      await payouts.nextPeriod();
      await payouts.run();
      expect(await left()).toEqual([40_000n, 60_000n, 70_000n]);
      await settle(payouts);
      expect(await states(payouts)).toEqual(['final', 'final', 'final']);
      expect(await payouts.received(node.address)).toBe(60_000n - (await sharesOf(payouts, node.address)));
      expect(await payouts.received(small.address)).toBe(40_000n - (await sharesOf(payouts, small.address)));
      expect((await payouts.ledger.nodeBalance(node.nodeId)).earnedMsat).toBe(60_000_000n);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'a thousand payees in one transaction under the standard weight',
    async () => {
      const payouts = await open();
      await payouts.fund(30_000_000n);
      for (let count = 0; count < 1_000; count += 1) await payouts.earner(20_000n + BigInt(count));
      await settle(payouts);
      const [batch, ...more] = await payouts.batches();
      expect(more).toEqual([]);
      expect(batch).toMatchObject({ state: 'final', payeeCount: 1_000 });
      const { transactions, payees } = (await payouts.store.findBatch(batch!.batchId))!;
      expect(readTransaction(transactions[0]!.signed).weight).toBeLessThan(400_000);
      const shares = payees.map(({ feeShareSats }) => feeShareSats);
      expect(shares.reduce((sum, share) => sum + share, 0n)).toBe(transactions[0]!.feeSats);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs * 4,
  );

  test(
    'what is too small waits, and an address of another network never gets in',
    async () => {
      const payouts = await open();
      await payouts.fund(300_000n);
      await payouts.earner(250n);
      await payouts.earner(3_000n);
      await settle(payouts, 1);
      expect(await payouts.batches()).toEqual([]);
      const node = await payouts.node(1n);
      const mainnet = 'bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4';
      const code = await payouts.setAddress(node, mainnet).catch((error: unknown) => (error as HoldfastError).code);
      expect(code).toBe('address.wrong-network');
      expect(await payouts.addresses.addresses(node.nodeId, payouts.clock.nowMs())).toEqual([]);
    },
    timeoutMs,
  );

  test(
    'two processes at once begin one batch',
    async () => {
      const payouts = await open();
      await payouts.fund(300_000n);
      await payouts.earner(90_000n);
      await Promise.all([payouts.run(), payouts.run(), payouts.run()]);
      expect(await states(payouts)).toEqual(['broadcast']);
      // Even where the lock would not hold: the rows do.
      await payouts.earner(90_000n);
      await payouts.nextPeriod();
      const unlocked = { ...payouts.store, asOnlyBuilder: (run: () => Promise<void>) => run().then(() => true) };
      await payouts.fund(300_000n, 300_000n);
      await Promise.allSettled([payouts.run({ store: unlocked }), payouts.run({ store: unlocked })]);
      expect((await payouts.batches()).filter(({ payeeCount }) => payeeCount === 1)).toHaveLength(2);
      expect(await payouts.faults()).toEqual([]);
    },
    timeoutMs,
  );
}
