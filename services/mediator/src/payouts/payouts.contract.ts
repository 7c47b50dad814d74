/** What payouts must do on every chain: the fake and the real regtest node run the same cases. */
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { readTransaction } from '@holdfast/bitcoin';
import type { HoldfastError } from '@holdfast/protocol';
import { PAYOUT_MOMENTS, type PayoutMoment } from './index.ts';
import type { TestChain } from '../testing/test-chain.ts';
import {
  Crash,
  crashAt,
  openPayoutCases,
  type PayoutCases,
  settle,
  sharesOf,
  states,
} from '../testing/test-payout-cases.ts';
import { foreignSpend } from '../testing/test-payouts.ts';

const HOUR_MS = 3_600_000;

/** @param openChain one chain for all cases; each has a wallet of its own on it */
export function definePayoutCases(openChain: () => Promise<TestChain>, timeoutMs: number): void {
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
      const foreign = foreignSpend(detail.inputs, payouts.seed, await chain.outsideAddress());
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
      await payouts.earners(1_000, (index) => 20_000n + BigInt(index));
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
