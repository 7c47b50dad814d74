/** A database that was restored from a copy does not pay again what it has forgotten. */
import { afterAll, beforeEach, expect, test } from '@jest/globals';
import { LOOKAHEAD } from '../payouts/index.ts';
import type { TestChain } from '../testing/test-chain.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { openTestReconciliation, type TestReconciliation } from '../testing/test-reconciliation.ts';

let chain: TestChain;
const worlds: TestReconciliation[] = [];
const open = async (): Promise<TestReconciliation> => {
  const world = await openTestReconciliation(chain);
  worlds.push(world);
  return world;
};
beforeEach(() => {
  chain = createFakeRail();
});
afterAll(async () => {
  for (const { close } of worlds) await close();
});

test('it sees the change of its forgotten batch, stops, and goes on when an admin has booked what it was', async () => {
  const before = await open();
  await before.fund(300_000n);
  await before.earner(50_000n);
  await before.run();
  expect(await before.batches()).toHaveLength(1);

  // The same wallet on the same chain; the rows are as old as the first payout.
  const after = await open();
  await after.earner(50_000n);
  for (const blocks of [0, 1, 6]) {
    await chain.mine(blocks);
    await after.run();
    expect([blocks, await after.batches(), await after.pauses()]).toEqual([blocks, [], ['reconciliation']]);
  }
  const found = await after.check();
  const [batch] = await before.batches();
  expect(found.differences.map(({ subject }) => subject)).toContain(batch!.txid);
  await chain.pay(after.hotAddress().address, 100_000n);
  await chain.mine(7);
  await after.check();
  const { number } = (await after.reconciliations.newest())!;
  await after.audit.resolve(number, { resolvedBy: 'ab'.repeat(32), note: 'the copy was older', book: true });
  await after.run();
  expect(await after.pauses()).toEqual([]);
  expect(await after.batches()).toHaveLength(1);
  expect(await after.faults()).toEqual([]);
});

test('it sees that also where more was paid since than there are addresses of change ahead', async () => {
  const before = await open();
  await before.fund(300_000n);
  for (let batch = 0; batch <= LOOKAHEAD + 2; batch += 1) {
    await before.earner(5_000n);
    await before.run();
    await chain.mine();
    await before.nextPeriod();
  }
  expect(await before.batches()).toHaveLength(LOOKAHEAD + 3);

  const after = await open();
  await after.earner(5_000n);
  await after.fund(100_000n);
  await after.run();
  expect([await after.batches(), await after.pauses()]).toEqual([[], ['reconciliation']]);
});
