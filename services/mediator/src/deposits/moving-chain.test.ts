/** A node that is asked while its chain moves may miss for a moment what it has: nothing is taken back for that. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { openTestDeposits, type TestDeposits } from '../testing/test-deposits.ts';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { freshId } from '../testing/test-mediator.ts';

let world: TestDeposits;
beforeAll(async () => {
  world = await openTestDeposits(createFakeRail());
});
afterAll(() => world.close());

test('a credited deposit that is missing while a block comes in stays credited', async () => {
  const { chain, watchOver, look } = world;
  const clientId = freshId();
  await look();
  await chain.pay(await world.address(clientId), 10_000n);
  await chain.mine(3);
  await look();
  await chain.mine();
  const moving = watchOver({
    ...chain.rail,
    transaction: async () => {
      await chain.mine();
      return undefined;
    },
  });
  expect(await moving()).toMatchObject({ reversed: 0, waiting: 1 });
  expect(await world.list(clientId)).toEqual(['credited 10000']);
  expect(await look()).toMatchObject({ reversed: 0, waiting: 0 });
  expect(await world.events(clientId)).toEqual(['deposit.seen', 'deposit.credited']);
});
