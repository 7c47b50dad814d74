/** What the audit makes up for by itself: once a day each of the two, whatever was away in between. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { createSilentLogger } from '@holdfast/platform';
import { liabilitiesRoot, openMessage } from '@holdfast/protocol';
import { createFakeRail, type FakeRailChain } from '../testing/test-fake-rail.ts';
import { freshId, holdDatabaseServer } from '../testing/test-mediator.ts';
import { openTestReconciliation, type TestReconciliation } from '../testing/test-reconciliation.ts';
import { createAudit } from './audit.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

let release: () => Promise<void>;
let chain: FakeRailChain;
let world: TestReconciliation;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());
beforeEach(async () => {
  chain = createFakeRail();
  world = await openTestReconciliation(chain);
});
afterEach(() => world.close());

const done = async () => ({
  compared: (await world.reconciliations.list({ limit: 100 })).length,
  published: (await world.liabilities.newest())?.sequence ?? 0,
});
const assetsOf = async () => {
  const { token } = (await world.liabilities.newest())!;
  return openMessage(liabilitiesRoot, world.context, token).assets;
};

test('compares and publishes once a day, however often it runs', async () => {
  await world.fund(30_000n);
  await world.client(5n);
  for (let hour = 0; hour < 48; hour += 6) {
    await world.audit.runDue();
    await world.clock.advance(6 * HOUR_MS);
  }
  const days = 2 + (Math.floor(world.clock.nowMs() / HOUR_MS) % 24 === 0 ? 0 : 1);
  expect(await done()).toEqual({ compared: days, published: days });
  expect(await assetsOf()).toMatchObject([{ sats: 30_000n }]);
});

test('a clock that was ahead once puts nothing off', async () => {
  await world.fund(30_000n);
  await world.client(5n);
  const aheadMs = world.clock.nowMs() + 30 * DAY_MS;
  const clock = { ...world.clock, nowMs: () => aheadMs };
  const { publish, reconciliations, options: reconcile } = world;
  const logger = createSilentLogger();
  const ahead = { publish: { ...publish, clock }, reconciliations, reconcile: { ...reconcile, clock }, clock, logger };
  await createAudit(ahead).runDue();
  expect(await done()).toEqual({ compared: 1, published: 1 });
  await world.audit.runDue();
  await world.audit.runDue();
  expect(await done()).toEqual({ compared: 2, published: 2 });
});

test('publishes also while the node is away, and compares when it is back', async () => {
  await chain.goAway();
  await world.audit.runDue();
  expect(await done()).toEqual({ compared: 0, published: 1 });
  expect(await assetsOf()).toEqual([]);
  await world.audit.runDue();
  expect(await done()).toEqual({ compared: 0, published: 1 });
  await chain.comeBack();
  await world.audit.runDue();
  await world.audit.runDue();
  expect(await done()).toEqual({ compared: 1, published: 1 });
});

test('publishes without any rail', async () => {
  const { publish, reconciliations, clock } = world;
  const audit = createAudit({ publish, reconciliations, clock, logger: createSilentLogger() });
  await audit.runDue();
  expect(await done()).toEqual({ compared: 0, published: 1 });
  expect(await audit.run()).toMatchObject({ unreconciled: 'no-rail', published: { sequence: 2 } });
});

test('forgets trees after 35 days, never roots', async () => {
  const clientId = await world.client(5n);
  const proofOf = (sequence: number) => world.liabilities.proof(sequence, 'client', clientId);
  await world.audit.runDue();
  await world.clock.advance(34 * DAY_MS);
  await world.audit.runDue();
  expect(await proofOf(1)).toMatchObject({ freeMsat: 5_000n });
  await world.clock.advance(2 * DAY_MS);
  await world.audit.runDue();
  await expect(proofOf(1)).rejects.toMatchObject({ code: 'liabilities.unknown' });
  expect(await proofOf(2)).toMatchObject({ freeMsat: 5_000n });
  expect(await world.liabilities.find(1)).toMatchObject({ sequence: 1 });
});

test('a difference is kept when the node goes away before an admin books it', async () => {
  await chain.pay(await world.depositAddress(), 70_000n);
  await chain.mine(6);
  const hex = await world.spend('deposits', world.wallet.addressAt('p2wpkh', 'receive', 90).script);
  await chain.submit(hex);
  await chain.mine();
  const { number } = await world.check();
  const resolution = { resolvedBy: freshId(), note: 'mine', book: true };
  await chain.goAway();
  await expect(world.audit.resolve(number, resolution)).rejects.toMatchObject({ code: 'reconciliation.busy' });
  expect(await world.pauses()).toEqual(['reconciliation']);
  await chain.comeBack();
  await world.audit.resolve(number, { ...resolution, book: false });
  expect(await world.pauses()).toEqual([]);
});

test.each(['noteOutputs', 'outputs', 'books', 'book', 'note'] as const)(
  'a crash after %s: the next comparison books everything once',
  async (method) => {
    await world.fund(30_000n);
    const dying = world.reconciliations[method] as (...args: unknown[]) => Promise<unknown>;
    const store = {
      ...world.reconciliations,
      async [method](...args: unknown[]) {
        await dying(...args);
        throw new Error('crashed');
      },
    };
    await expect(world.check({ store })).rejects.toThrow('crashed');
    expect(await world.check()).toMatchObject({ state: 'balanced', chainSats: 30_000n, ledgerMsat: 30_000_000n });
    expect(await world.ledger.position()).toMatchObject({ float: 30_000_000n, capital: 30_000_000n });
    expect(await world.faults()).toEqual([]);
  },
);
