/** Rows of deposits against statements that nobody should write. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { openTestDeposits, type TestDeposits } from '../testing/test-deposits.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { freshId } from '../testing/test-mediator.ts';
import { giveAddress } from './index.ts';

let world: TestDeposits;
beforeAll(async () => {
  world = await openTestDeposits(createFakeRail());
  await world.look();
  await world.chain.pay(await world.address(freshId()), 10_000n);
  await world.chain.mine(3);
  await world.look();
});
afterAll(() => world.close());

test.each([
  `UPDATE deposits SET client_id = decode(repeat('ab', 32), 'hex')`,
  'UPDATE deposits SET sats = sats + 1',
  'UPDATE deposits SET vout = vout + 1',
  'UPDATE deposits SET credits = 0',
  `DELETE FROM deposits`,
  'TRUNCATE deposits',
  `UPDATE deposit_addresses SET client_id = decode(repeat('ab', 32), 'hex')`,
  'DELETE FROM deposit_addresses',
  'TRUNCATE deposit_addresses',
  'UPDATE deposit_keys SET next_index = 0',
  'TRUNCATE deposit_keys, deposit_addresses',
  'DELETE FROM client_debts',
  'TRUNCATE client_debts',
])('%s is refused', async (statement) => {
  await expect(world.database.execute(sql.raw(statement))).rejects.toMatchObject({
    cause: { constraint: expect.stringMatching(/^deposits?_(?:stays|credits)$/) },
  });
  expect(await world.ledger.findFaults()).toEqual([]);
});

test('whoever makes clients for nothing cannot use up the addresses that a node can watch', async () => {
  const { store, key, clock } = world;
  const give = async (clientId = freshId()) => giveAddress({ store, key, clock, maxAnHour: 3 }, clientId);
  await clock.advance(3_600_000);
  const first = freshId();
  const given = await give(first);
  await give();
  await clock.advance(1_000);
  await give();
  await expect(give()).rejects.toMatchObject({ code: 'deposit.too-many-clients', params: { count: '3' } });
  expect(await give(first)).toEqual({ ...given });
  await clock.advance(3_599_000);
  await give();
});
