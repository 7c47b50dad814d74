/** What a client owes for a deposit that was taken back does not leave as a withdrawal. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseAddress } from '@holdfast/bitcoin';
import { sql } from 'drizzle-orm';
import { inTransaction } from '../adapters/postgres/database.ts';
import { lockAvailable, post } from '../adapters/postgres/ledger.ts';
import { createWithdrawalStore } from '../adapters/postgres/withdrawals.ts';
import { openTestDeposits, type TestDeposits } from '../testing/test-deposits.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { freshId } from '../testing/test-mediator.ts';

let world: TestDeposits;
beforeAll(async () => {
  world = await openTestDeposits(createFakeRail());
});
afterAll(() => world.close());

/** All that is available to it goes to a node, for ever. */
const spendAll = async (clientId: string): Promise<void> => {
  const node = await world.node(1_000n);
  await inTransaction(world.database, async (tx) => {
    await tx.execute(sql`SELECT open_ledger_node(${node.nodeNo})`);
    const { accountNo, balanceMsat } = await lockAvailable(tx, clientId);
    const made = await tx.execute<{ account_no: number; earned_no: number }>(sql`
      INSERT INTO ledger_accounts (kind, available_no) VALUES ('upload', ${accountNo})
      RETURNING account_no, (SELECT earned_no FROM ledger_nodes WHERE node_no = ${node.nodeNo}) AS earned_no`);
    const { account_no: upload, earned_no: earned } = made.rows[0]!;
    const move = (kind: 'reserve' | 'storage_time', from: number, to: number) =>
      post(
        tx,
        { kind },
        [
          { accountNo: from, amountMsat: -balanceMsat },
          { accountNo: to, amountMsat: balanceMsat },
        ],
        world.clock.nowMs(),
      );
    await move('reserve', accountNo, upload);
    await move('storage_time', upload, earned);
  });
};

test('a debt is paid before anything is withdrawn', async () => {
  const { chain, store, database, clock } = world;
  const withdrawals = createWithdrawalStore(database);
  const clientId = freshId();
  await world.look();
  const paid = await chain.pay(await world.address(clientId), 10_000n);
  await chain.mine(3);
  await world.look();
  await spendAll(clientId);
  await chain.reorganise(3, { without: [paid.txid] });
  await world.look();
  expect(await store.owedMsat(clientId)).toBe(10_000_000n);

  const address = await chain.outsideAddress();
  const { script } = parseAddress(address, 'regtest');
  const ask = (amountSats: bigint | 'all') =>
    withdrawals.request(
      {
        withdrawalId: freshId(),
        clientId,
        sequence: 1,
        address,
        script,
        amountSats,
        token: 'a token',
        leastSats: 295n,
      },
      clock.nowMs(),
    );
  await world.credit(clientId, 6_000_000n);
  await expect(ask(5_000n)).rejects.toMatchObject({ code: 'money.insufficient', params: { availableMsat: '0' } });
  await world.credit(clientId, 6_000_500n);
  expect(await ask('all')).toMatchObject({ amountSats: 2_000n, state: 'waiting' });
  expect(await store.owedMsat(clientId)).toBe(0n);
  expect(await world.ledger.findFaults()).toEqual([]);
});
