/** A hot wallet whose seed was changed, or differs between two processes, while batches are open; and that no seed shows anywhere. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createCapturedLogger } from '@holdfast/platform';
import { sql } from 'drizzle-orm';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import { holdDatabaseServer } from '../testing/test-mediator.ts';
import { payoutsOver, testWallet } from '../testing/test-payout-options.ts';
import { openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';
import { type PayoutOptions, runPayouts } from './index.ts';

const SEED = 0x5e;
const OTHER_SEED = 0xd7;

let release: () => Promise<void>;
let chain: FakeRailChain;
let payouts: TestPayouts;
const captured = createCapturedLogger();
beforeAll(async () => {
  release = await holdDatabaseServer();
  chain = createFakeRail();
  payouts = await openTestPayouts(chain, { seed: SEED, rules: { stuckBlocks: 1 } });
});
afterAll(async () => {
  await payouts?.close();
  await release();
});

/** Another process over the same rows, with another seed. */
const withOtherSeed = (): PayoutOptions => ({
  ...payoutsOver(payouts.database, payouts.options.rail, {
    seed: OTHER_SEED,
    rules: { stuckBlocks: 1 },
    clock: payouts.clock,
  }),
  logger: captured.logger,
});

test('open batches go on as they were signed, new ones spend what the new seed has, and nobody is paid twice', async () => {
  await payouts.fund(200_000n, 200_000n);
  const first = await payouts.earner(90_000n);
  await payouts.run({ logger: captured.logger });
  const [batch] = await payouts.batches();
  const transactions = async () => (await payouts.store.findBatch(batch!.batchId))!.transactions;
  await chain.mineOnly([]);
  payouts.fee.satPerKvb = 20_000n;
  await payouts.nextPeriod();
  const second = await payouts.earner(80_000n);
  const other = withOtherSeed();
  // It cannot sign a dearer one, and says so where it has coins to try; what lies under the old seed is not its own.
  for (let round = 0; round < 2; round += 1) await runPayouts(other);
  expect(await transactions()).toHaveLength(1);
  expect(await chain.rail.transaction(batch!.txid)).toEqual({ confirmations: 0 });
  const { address } = testWallet(OTHER_SEED).addressAt('p2wpkh', 'receive', 0);
  await chain.pay(address, 300_000n);
  await chain.mineOnly([await chain.transactionHex([...chain.blocks.mempool].at(-1)!)]);
  await runPayouts(other);
  const [, next] = await payouts.batches();
  const { inputs } = (await payouts.store.findBatch(next!.batchId))!;
  expect(inputs.map((input) => input.address)).toEqual([address]);
  expect(await transactions()).toHaveLength(1);
  expect(captured.text()).toContain('transaction.not-signed');
  // The old seed is there again: now the first one is replaced, and both are mined.
  await payouts.run({ logger: captured.logger });
  expect(await transactions()).toHaveLength(2);
  for (let block = 0; block < 7; block += 1) {
    await chain.mine();
    await runPayouts(other);
  }
  const paid = await payouts.batches();
  expect(paid.map(({ state }) => state)).toEqual(['final', 'final']);
  expect(await payouts.received(first.address)).toBe(90_000n - paid[0]!.feeSats);
  expect(await payouts.received(second.address)).toBe(80_000n - paid[1]!.feeSats);
  expect(await payouts.faults()).toEqual([]);
});

test('neither seed nor key is in any row or line of the log', async () => {
  const tables = await payouts.database.execute<{ name: string }>(
    sql`SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  );
  let rows = '';
  for (const { name } of tables.rows) {
    const found = await payouts.database.execute<{ line: string }>(sql.raw(`SELECT t::text AS line FROM ${name} t`));
    rows += found.rows.map(({ line }) => line).join('\n');
  }
  // What must be there is found.
  const { batchId } = (await payouts.batches())[0]!;
  expect(rows).toContain(batchId);
  expect(captured.text()).toContain(batchId);
  for (const text of [rows, captured.text()]) {
    for (const seed of [SEED, OTHER_SEED]) expect(text).not.toContain(Buffer.alloc(8, seed).toString('hex'));
    expect(text).not.toMatch(/[xt]prv[1-9A-HJ-NP-Za-km-z]{20}/);
  }
});
