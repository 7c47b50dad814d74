/** Data that nobody pays for any more is deleted, and only as much of it as that. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { openTestChallenges, type TestChallenges, type TestHolder } from '../../testing/test-challenges.ts';
import { holdDatabaseServer } from '../../testing/test-mediator.ts';
import { giveUpUnpaid } from './giving-up.ts';

const HOUR_MS = 3_600_000;
let release: () => Promise<void>;
let world: TestChallenges;
beforeAll(async () => {
  release = await holdDatabaseServer();
  world = await openTestChallenges();
});
afterAll(async () => {
  await world.close();
  await release();
});

const giveUp = () => giveUpUnpaid(world.database, world.ledger.money, world.clock.nowMs());

async function lostAt({ nodeNo }: TestHolder): Promise<string[]> {
  const { rows } = await world.database.execute<{ pack_id: Buffer }>(sql`
    SELECT p.pack_id FROM shards s JOIN packs p USING (pack_no)
    WHERE s.node_no = ${nodeNo} AND s.lost_at_ms IS NOT NULL ORDER BY p.pack_no`);
  return rows.map(({ pack_id: id }) => id.toString('hex'));
}

async function toldToDelete({ nodeNo }: TestHolder): Promise<string[]> {
  const { rows } = await world.database.execute<{ shards: [string, number][] }>(sql`
    SELECT shards FROM orders WHERE node_no = ${nodeNo} AND kind = 'delete' ORDER BY order_no`);
  return rows.flatMap(({ shards }) => shards.map(([packId]) => packId));
}

async function storedAt({ nodeNo }: TestHolder): Promise<number> {
  const { rows } = await world.database.execute<{ bytes: string }>(
    sql`SELECT stored_bytes AS bytes FROM nodes WHERE node_no = ${nodeNo}`,
  );
  return Number(rows[0]!.bytes);
}

test('of two agreements at a node one ends: its bytes go, the newest first, once; the rest stays paid and stored', async () => {
  const [node, other] = [await world.node(1_000n), await world.node(1_000n)];
  const owner = await world.client();
  const cheap = await owner.store([node, other], 3);
  const dear = await owner.store(
    [node, other].map((holder) => ({ ...holder, priceSatPerTbMonth: 2_000n })),
    2,
  );
  const { agreements } = world.ledger;
  const own = (await agreements.listOfClient(owner.clientId, { limit: 10 })).filter(
    ({ nodeId }) => nodeId === node.nodeId,
  );
  const [first, second] = [1_000n, 2_000n].map((price) => own.find((one) => one.priceSatPerTbMonth === price)!);
  await agreements.terminate(second!.agreementId, 'client', undefined, world.clock.nowMs());
  // What is running runs to the end of its period.
  expect(await giveUp()).toBe(0);
  await world.clock.advance(HOUR_MS);
  const before = await storedAt(node);
  expect(await giveUp()).toBe(2);
  expect(await lostAt(node)).toEqual(dear);
  expect((await toldToDelete(node)).toSorted()).toEqual(dear.toSorted());
  expect(await storedAt(node)).toBe(before - second!.storedBytes);
  expect(await giveUp()).toBe(0);
  expect(await lostAt(other)).toEqual([]);

  await agreements.terminate(first!.agreementId, 'client', undefined, world.clock.nowMs());
  await world.clock.advance(HOUR_MS);
  expect(await giveUp()).toBe(3);
  expect(await lostAt(node)).toEqual([...cheap, ...dear]);
  expect(await storedAt(node)).toBe(0);
  expect(await toldToDelete(other)).toEqual([]);
  expect(await world.ledger.ledger.findFaults()).toEqual([]);
});
