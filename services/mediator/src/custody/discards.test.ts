/** Who is paid for bytes that were never committed, over the real link: within what was granted, once, and not for ever. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createSilentLogger } from '@holdfast/platform';
import { orderName, type UncommittedBytes } from '@holdfast/protocol';
import { type Database, openDatabase } from '../adapters/postgres/database.ts';
import { createLedgerStore } from '../adapters/postgres/ledger.ts';
import {
  commitPacks,
  GROUP,
  holdDatabaseServer,
  makePack,
  openTestUpload,
  startTestMediator,
  TEST_MONEY,
  type TestClient,
  type TestMediator,
  type TestNode,
  type TestUpload,
} from '../testing/test-mediator.ts';

const HOUR_MS = 3_600_000;
const GB = 1e9;
/** At each node: 100 GB at 1000 sat per TB and month are 100 sat a month. */
const QUOTA_BYTES = GROUP * Math.ceil((100 * GB) / GROUP);

let mediator: TestMediator;
let client: TestClient;
let upload: TestUpload;
let honest: TestNode;
let other: TestNode;
let database: Database;
let release: () => Promise<void>;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());
beforeEach(async () => {
  mediator = await startTestMediator();
  database = openDatabase({ url: mediator.mediator.databaseUrl, logger: createSilentLogger() });
  const nodes = await mediator.nodes(2, { price: 1000n });
  client = await mediator.client();
  upload = await openTestUpload(client, nodes, { dataShards: 1, bytes: 100 * GB });
  [honest, other] = upload.holders as [TestNode, TestNode];
});
afterEach(async () => {
  expect(await createLedgerStore(database).findFaults()).toEqual([]);
  await database.$client.end();
  await mediator.close();
});

const pass = async (hours: number): Promise<void> => {
  await mediator.clock.advance(hours * HOUR_MS);
  await mediator.mediator.runJobs();
};
async function say(node: TestNode, uncommitted: readonly UncommittedBytes[]): Promise<void> {
  const link = await node.link();
  try {
    const { orders } = await link.hello();
    const order = orders.at(-1)?.order ?? 0;
    link.say({ type: 'carried-out', order, uncommitted });
    expect(await link.hear('noted')).toMatchObject({ of: orderName(order) });
  } finally {
    await link.close();
  }
}
const lay = (sizeBytes: number, hours: number) => [{ uploadId: upload.uploadId, sizeBytes, lainMs: hours * HOUR_MS }];
const earned = async ({ nodeId }: TestNode) => (await createLedgerStore(database).nodeBalance(nodeId)).earnedMsat;
const reserved = async () => (await createLedgerStore(database).clientBalance(client.clientId)).reservedMsat;
/** What a node receives of the price: all but the commission. */
function paidFor(sizeBytes: number, hours: number): bigint {
  const due = (BigInt(sizeBytes) * BigInt(hours)) / (1_000_000n * 720n);
  return due - (due * 50_000n) / 1_000_000n;
}

describe('a discarded upload', () => {
  test('pays each node for what lay there, and never beyond what was granted and how long it was open', async () => {
    await commitPacks(client, upload, [makePack(mediator, client, upload)]);
    await pass(31);
    expect(await reserved()).toBeGreaterThan(0n);
    await say(honest, lay(40 * GB, 20));
    await say(other, lay(1e15, 1e6));
    // The first word counts.
    await say(honest, lay(90 * GB, 31));
    await mediator.mediator.runJobs();
    expect(await earned(honest)).toBe(paidFor(40 * GB, 20));
    expect(await earned(other)).toBe(paidFor(QUOTA_BYTES - GROUP, 31));
    expect(await reserved()).toBe(0n);
    await say(honest, lay(90 * GB, 31));
    await pass(24 * 30);
    expect(await earned(other)).toBe(paidFor(QUOTA_BYTES - GROUP, 31));
  });

  test('is settled without a node that stays silent; 36 hours are the most that is paid', async () => {
    await pass(31);
    await pass(24 * 6);
    await say(honest, lay(QUOTA_BYTES, 24 * 7));
    await mediator.mediator.runJobs();
    expect(await earned(honest)).toBe(0n);
    await pass(24 + 1);
    expect(await earned(honest)).toBe(paidFor(QUOTA_BYTES, 36));
    expect(await reserved()).toBe(0n);
    // Too late, and nothing is lost by saying so.
    await say(other, lay(GB, 1));
    await mediator.mediator.runJobs();
    expect(await earned(other)).toBe(0n);
    const { availableMsat } = await createLedgerStore(database).clientBalance(client.clientId);
    expect(availableMsat).toBeLessThan(TEST_MONEY);
  });

  test('costs nothing when nothing lay there, or nothing was left to commit', async () => {
    const small = await openTestUpload(client, upload.holders, { dataShards: 1, bytes: GROUP });
    await commitPacks(client, small, [makePack(mediator, client, small)]);
    await pass(31);
    for (const node of upload.holders) await say(node, [...lay(0, 0), { ...lay(GB, 9)[0]!, uploadId: small.uploadId }]);
    await mediator.mediator.runJobs();
    for (const node of upload.holders) expect(await earned(node)).toBe(0n);
    expect(await reserved()).toBe(0n);
  });

  test('is one that a node was told to discard: of others, and to others, nothing is owed', async () => {
    const stranger = await mediator.node();
    await say(honest, lay(GB, 1));
    await pass(31);
    await say(stranger, lay(GB, 1));
    await say(other, [{ uploadId: 'ab'.repeat(16), sizeBytes: GB, lainMs: HOUR_MS }]);
    await pass(24 * 7 + 1);
    for (const node of [honest, other, stranger]) expect(await earned(node)).toBe(0n);
    expect(await reserved()).toBe(0n);
  });
});
