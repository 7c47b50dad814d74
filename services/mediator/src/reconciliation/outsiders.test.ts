/** Whatever an outsider does with our addresses, all of which the chain shows, it neither stops payouts nor hides a loss. */
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { parseAddress } from '@holdfast/bitcoin';
import type { TestChain } from '../testing/test-chain.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { freshId } from '../testing/test-mediator.ts';
import { openTestReconciliation, type TestReconciliation } from '../testing/test-reconciliation.ts';

let chain: TestChain;
let world: TestReconciliation;
beforeEach(async () => {
  chain = createFakeRail();
  world = await openTestReconciliation(chain);
});
afterEach(async () => {
  expect(await world.pauses()).toEqual([]);
  expect(await world.faults()).toEqual([]);
  await world.close();
  await chain.close();
});

/** In the mempool, in a block, credited, final, and booked. */
const agreeThroughout = async (): Promise<void> => {
  for (const blocks of [1, 2, 3, 1]) {
    await world.run();
    expect((await world.check()).differences).toEqual([]);
    await chain.mine(blocks);
  }
  await world.run();
  expect((await world.check()).differences).toEqual([]);
};

test('a node or a client that names an address of the hot wallet as its own makes it a present', async () => {
  await world.fund(1_000_000n);
  const node = await world.earner(50_000n);
  const change = world.wallet.addressAt('p2wpkh', 'change', 0);
  const other = await world.earner(40_000n);
  await world.run();
  await agreeThroughout();
  // Now the chain shows the change of the first batch.
  await world.setAddress(node, change.address, 2);
  await world.clock.advance(73 * 3_600_000);
  await world.earn(node, 60_000n);
  await world.earn(other, 30_000n);
  const clientId = await world.client(50_000n);
  const { address, script } = world.hotAddress();
  await world.withdrawals.request(
    {
      withdrawalId: freshId(),
      clientId,
      sequence: 1,
      address,
      script,
      amountSats: 20_000n,
      token: 't',
      leastSats: 295n,
    },
    world.clock.nowMs(),
  );
  const before = (await world.ledger.position()).capital;
  await agreeThroughout();
  const [, batch] = await world.batches();
  expect(batch).toMatchObject({ state: 'final', payeeCount: 3 });
  const shares = (await world.store.findBatch(batch!.batchId))!.payees.filter((one) => one.address !== other.address);
  const given = shares.reduce((sum, { grossSats, feeShareSats }) => sum + grossSats - feeShareSats, 0n);
  expect((await world.ledger.position()).capital - before).toBe(given * 1_000n);
});

test('a withdrawal to the client’s own deposit address is a deposit again', async () => {
  await world.fund(1_000_000n);
  const clientId = await world.client(50_000n);
  const address = await world.depositAddress(clientId);
  const { script } = parseAddress(address, 'regtest');
  await world.withdrawals.request(
    {
      withdrawalId: freshId(),
      clientId,
      sequence: 1,
      address,
      script,
      amountSats: 20_000n,
      token: 't',
      leastSats: 295n,
    },
    world.clock.nowMs(),
  );
  await agreeThroughout();
  expect((await world.ledger.position()).deposits).toBeGreaterThan(19_000_000n);
});

test('a few satoshi to every address that the chain has ever shown', async () => {
  await world.fund(1_000_000n);
  await world.earner(50_000n);
  const deposit = await world.depositAddress();
  await chain.pay(deposit, 70_000n);
  await world.run();
  await agreeThroughout();
  const payees = [deposit, world.hotAddress().address, world.wallet.addressAt('p2wpkh', 'change', 0).address];
  await chain.payMany([...payees, ...payees].map((address) => ({ address, sats: 330n })));
  for (const address of payees) await chain.pay(address, 330n);
  await agreeThroughout();
});
