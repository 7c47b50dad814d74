/** A round of payouts: what stops it at once, and what of one batch must not stop the others. */
import { afterAll, expect, test } from '@jest/globals';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';
import { freeCoins } from './build-batches.ts';
import type { Candidate, PayoutSigner } from './ports.ts';
import { payoutRules } from './rules.ts';

const opened: TestPayouts[] = [];
afterAll(async () => {
  for (const { close } of opened) await close();
});
const open = async (): Promise<TestPayouts> => {
  const payouts = await openTestPayouts(createFakeRail());
  opened.push(payouts);
  await payouts.fund(200_000n, 200_000n);
  await payouts.earner(50_000n);
  return payouts;
};
const states = async (payouts: TestPayouts) => (await payouts.batches()).map(({ state }) => state);
const pause = ({ store, clock }: TestPayouts) =>
  store.pause({ pausedBy: 'admin', reason: 'stop', pausedAtMs: clock.nowMs() });

test('a pause while the signer is at work: nothing is booked', async () => {
  const payouts = await open();
  const signer: PayoutSigner = {
    sign: async (psbt, lastIndex) => {
      await pause(payouts);
      return payouts.options.signer.sign(psbt, lastIndex);
    },
  };
  await payouts.run({ signer });
  expect(await states(payouts)).toEqual([]);
  await payouts.store.resume('admin');
  await payouts.run();
  expect(await states(payouts)).toEqual(['broadcast']);
  expect(await payouts.faults()).toEqual([]);
});

test('a pause just after it was stored: no node sees it until payouts go on', async () => {
  const payouts = await open();
  await payouts.run({ onStep: async (step) => (step === 'stored' ? pause(payouts) : undefined) });
  expect(await states(payouts)).toEqual(['signed']);
  const [batch] = await payouts.batches();
  expect(await payouts.chain.rail.transaction(batch!.txid)).toBeUndefined();
  await payouts.run();
  expect(await states(payouts)).toEqual(['signed']);
  await payouts.store.resume('admin');
  await payouts.run();
  expect(await states(payouts)).toEqual(['broadcast']);
});

test('a signer that spoils the replacement of one batch does not keep the next one', async () => {
  const payouts = await open();
  await payouts.run();
  for (let block = 0; block < 6; block += 1) await payouts.chain.mineOnly([]);
  await payouts.nextPeriod();
  await payouts.earner(60_000n);
  let isFirst = true;
  const signer: PayoutSigner = {
    sign: async (psbt, lastIndex) => {
      const signed = isFirst ? psbt : payouts.options.signer.sign(psbt, lastIndex);
      isFirst = false;
      return signed;
    },
  };
  await payouts.run({ signer });
  expect(isFirst).toBe(false);
  expect(await states(payouts)).toEqual(['broadcast', 'broadcast']);
});

test('what came without a settlement grows old as well: a node that left gets what was withheld from it', async () => {
  const payouts = await openTestPayouts(createFakeRail());
  opened.push(payouts);
  await payouts.fund(200_000n);
  // Worth its fee from 4,000 sat on.
  await payouts.earner(3_000n);
  const paid = async () => {
    await payouts.run();
    return (await payouts.batches()).map(({ grossSats }) => grossSats);
  };
  expect(await paid()).toEqual([]);
  await payouts.clock.advance(7 * 24 * 3_600_000);
  expect(await paid()).toEqual([3_000n]);
});

test('an admin’s limit counts what a client was paid within a day, not each withdrawal', async () => {
  const payouts = await openTestPayouts(createFakeRail(), { rules: { approvalSats: 50_000n } });
  opened.push(payouts);
  await payouts.fund(200_000n, 200_000n, 200_000n);
  const clientId = await payouts.client(150_000n);
  const ask = async (sats: bigint, sequence: number) => {
    const { withdrawalId } = await payouts.withdraw(clientId, sats, sequence);
    await payouts.nextPeriod();
    await payouts.run();
    return withdrawalId;
  };
  const paid = async () => (await payouts.batches()).map(({ grossSats }) => grossSats);
  await ask(40_000n, 1);
  const second = await ask(20_000n, 2);
  await ask(10_000n, 3);
  expect(await paid()).toEqual([40_000n, 10_000n]);
  const terms = { upToSats: 20_000n, approvedBy: 'ab'.repeat(32), note: 'asked' };
  await payouts.store.approve({ withdrawalId: second }, terms, payouts.clock.nowMs());
  await payouts.nextPeriod();
  await payouts.run();
  await payouts.clock.advance(24 * 3_600_000);
  await payouts.chain.mine();
  await ask(50_000n, 4);
  expect(await paid()).toEqual([40_000n, 10_000n, 20_000n, 50_000n]);
});

test('an admin’s word is good for one payment', async () => {
  const payouts = await openTestPayouts(createFakeRail(), { rules: { approvalSats: 50_000n } });
  opened.push(payouts);
  await payouts.fund(200_000n, 200_000n);
  const node = await payouts.earner(60_000n);
  const paid = async () => {
    await payouts.nextPeriod();
    await payouts.run();
    return (await payouts.batches()).map(({ grossSats }) => grossSats);
  };
  expect(await paid()).toEqual([]);
  const terms = { upToSats: 70_000n, approvedBy: 'ab'.repeat(32), note: 'asked' };
  await payouts.store.approve({ nodeId: node.nodeId }, terms, payouts.clock.nowMs());
  expect(await paid()).toEqual([60_000n]);
  await payouts.earn(node, 60_000n);
  expect(await paid()).toEqual([60_000n]);
});

test('free is neither what is not confirmed nor what a batch spends that no node has seen', async () => {
  const payouts = await openTestPayouts(createFakeRail());
  opened.push(payouts);
  await payouts.fund(200_000n, 300_000n);
  await payouts.earner(250_000n);
  const { address } = payouts.wallet.addressAt('p2wpkh', 'receive', 0);
  await payouts.chain.pay(address, 400_000n);
  await payouts.run({ onStep: async (step) => (step === 'stored' ? pause(payouts) : undefined) });
  expect(await states(payouts)).toEqual(['signed']);
  expect((await freeCoins(payouts.options, 20)).map(({ sats }) => sats)).toEqual([200_000n]);
});

test('what is final stays final, however late a process comes that still thinks it open', async () => {
  const payouts = await open();
  await payouts.run();
  await payouts.chain.mine(6);
  const [late] = await payouts.store.openBatches();
  await payouts.run();
  expect(await states(payouts)).toEqual(['final']);
  const before = await payouts.ledger.position();
  const { batchNo, transactions, inputs } = late!;
  const [signed] = transactions;
  const nowMs = payouts.clock.nowMs();
  await payouts.store.finish(batchNo, signed!.txid, nowMs);
  await payouts.store.void(batchNo, 'f0'.repeat(32), nowMs);
  await payouts.store.markConfirmed(batchNo, undefined, nowMs);
  await payouts.store.markBroadcast(batchNo, signed!.txid, nowMs);
  const other = { ...signed!, replacementNo: 1, txid: 'f1'.repeat(32) };
  expect(await payouts.store.replace(batchNo, other, inputs, nowMs)).toBe(false);
  expect(await states(payouts)).toEqual(['final']);
  expect(await payouts.ledger.position()).toEqual(before);
  expect(await payouts.faults()).toEqual([]);
});

test('a batch is not made void by a transaction of its own', async () => {
  const payouts = await open();
  await payouts.run();
  const { batchNo, transactions } = (await payouts.store.openBatches())[0]!;
  await payouts.store.void(batchNo, transactions[0]!.txid, payouts.clock.nowMs());
  expect(await states(payouts)).toEqual(['broadcast']);
  expect(await payouts.faults()).toEqual([]);
});

test('a withdrawal that is cancelled while the signer is at work is not paid', async () => {
  const payouts = await open();
  const clientId = await payouts.client(20_000n);
  const { withdrawalId } = await payouts.withdraw(clientId, 10_000n);
  const signer: PayoutSigner = {
    sign: async (psbt, lastIndex) => {
      await payouts.withdrawals.cancel(clientId, withdrawalId, payouts.clock.nowMs());
      return payouts.options.signer.sign(psbt, lastIndex);
    },
  };
  await payouts.run({ signer });
  expect(await payouts.batches()).toEqual([]);
  expect((await payouts.ledger.clientBalance(clientId)).availableMsat).toBe(20_000_000n);
  await payouts.run();
  expect(await payouts.batches()).toMatchObject([{ state: 'broadcast', grossSats: 50_000n }]);
  expect(await payouts.faults()).toEqual([]);
});

test('two batches never spend one output', async () => {
  const payouts = await open();
  await payouts.run();
  const { designated, inputs, transactions } = (await payouts.store.openBatches())[0]!;
  await payouts.earner(60_000n);
  const nowMs = payouts.clock.nowMs();
  const [{ owner, address, script }] = (await payouts.store.candidates(nowMs)) as [Candidate];
  const payees = [{ owner, address, script, grossSats: 40_000n, feeShareSats: 100n }];
  const transaction = { ...transactions[0]!, txid: 'f2'.repeat(32) };
  const batch = { batchId: 'ab'.repeat(16), designated, changeIndex: 9, inputs, payees, transaction };
  await expect(payouts.store.begin(batch, nowMs)).rejects.toMatchObject({ code: 'payout.outdated' });
  expect(await states(payouts)).toEqual(['broadcast']);
  expect(await payouts.faults()).toEqual([]);
});

test('a clock that was ahead once keeps nobody waiting until its time has come', async () => {
  const payouts = await open();
  const aheadMs = payouts.clock.nowMs() + 30 * 86_400_000;
  await payouts.run({ clock: { ...payouts.clock, nowMs: () => aheadMs } });
  expect((await payouts.batches()).map(({ plannedAtMs }) => plannedAtMs)).toEqual([aheadMs]);
  await payouts.earner(50_000n);
  await payouts.run();
  expect(await states(payouts)).toEqual(['broadcast', 'broadcast']);
  // Once in its period, as ever.
  await payouts.earner(50_000n);
  await payouts.fund(200_000n);
  await payouts.run();
  expect(await payouts.batches()).toHaveLength(2);
});

test('above the ceiling of fees nothing is begun, and nothing is bumped beyond it', async () => {
  const payouts = await open();
  const rules = payoutRules({ maxSatPerKvb: 20_000n, stuckBlocks: 1 });
  const run = () => payouts.run({ rules });
  const transactions = async () => (await payouts.store.findBatch((await payouts.batches())[0]!.batchId))!.transactions;
  payouts.fee.satPerKvb = 20_001n;
  await run();
  expect(await payouts.batches()).toEqual([]);
  payouts.fee.satPerKvb = 15_000n;
  await run();
  await payouts.chain.mineOnly([]);
  payouts.fee.satPerKvb = 90_000n;
  await run();
  const [first, second] = await transactions();
  expect(first!.satPerKvb).toBe(15_000n);
  expect(second!.satPerKvb).toBeGreaterThanOrEqual(20_000n);
  expect(second!.satPerKvb).toBeLessThan(20_100n);
  await payouts.chain.mineOnly([]);
  await run();
  expect(await transactions()).toHaveLength(2);
  expect(await payouts.faults()).toEqual([]);
});
