/** Deposits whose key was changed, or was not watched yet, while they were under way. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import { at, FIRST } from '../testing/test-ledger.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';
import { depositsOver, openTestDeposits, type TestDeposits } from '../testing/test-deposits.ts';

const SATS = 40_000n;

let release: () => Promise<void>;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());

let chain: FakeRailChain;
const opened: TestDeposits[] = [];
const open = async (): Promise<TestDeposits> => {
  chain = createFakeRail(() => at(FIRST));
  const world = await openTestDeposits(chain);
  opened.push(world);
  return world;
};
afterAll(async () => {
  for (const { close } of opened) await close();
});
/** Another process over the same rows, with another extended public key. */
const withOtherKey = (world: TestDeposits) => depositsOver(world, chain, world.clock, { seed: 8 });

test('what is paid to addresses of the key before is credited to whom they were given, and taken back', async () => {
  const world = await open();
  const clientId = freshId();
  const seen = await world.address(clientId);
  const waiting = await world.address(clientId, true);
  await world.look();
  const { txid } = await chain.pay(seen, SATS);
  await world.look();
  const other = withOtherKey(world);
  const fresh = await other.address(clientId);
  expect([seen, waiting]).not.toContain(fresh);
  await other.look();
  await chain.pay(waiting, SATS + 1n);
  await chain.pay(fresh, SATS + 2n);
  await chain.mine(3);
  await other.look();
  expect(await other.list(clientId)).toEqual([`credited ${SATS + 2n}`, `credited ${SATS + 1n}`, `credited ${SATS}`]);
  await chain.reorganise(3, { without: [txid] });
  await other.look();
  await chain.mine(3);
  await other.look();
  expect(await other.list(clientId)).toEqual([`credited ${SATS + 2n}`, `credited ${SATS + 1n}`, `reversed ${SATS}`]);
  expect((await world.ledger.clientBalance(clientId)).availableMsat).toBe((2n * SATS + 3n) * 1_000n);
  expect(await world.ledger.findFaults()).toEqual([]);
});

test('two processes with different keys, by turns: each deposit is credited once, to its own client', async () => {
  const world = await open();
  const other = withOtherKey(world);
  const clients = [freshId(), freshId()] as const;
  for (const { address, look } of [world, other, world]) {
    await chain.pay(await address(clients[0], true), SATS);
    await chain.pay(await address(clients[1], true), SATS * 2n);
    await look();
    await chain.mine();
    await look();
  }
  await chain.mine(3);
  for (const { look } of [other, world, other]) await look();
  for (const [index, clientId] of clients.entries()) {
    const sats = SATS * BigInt(index + 1);
    expect(await world.list(clientId)).toEqual(Array.from({ length: 3 }, () => `credited ${sats}`));
    expect((await world.ledger.clientBalance(clientId)).availableMsat).toBe(sats * 3_000n);
  }
  expect(await world.ledger.findFaults()).toEqual([]);
});

test('what was paid before anybody watched is found, as with a new Bitcoin node or new wallets in it', async () => {
  const world = await open();
  const clientId = freshId();
  await chain.pay(await world.address(clientId), SATS);
  await chain.mine(3);
  expect(await world.list(clientId)).toEqual([]);
  await world.look();
  expect(await world.list(clientId)).toEqual([`credited ${SATS}`]);
});
