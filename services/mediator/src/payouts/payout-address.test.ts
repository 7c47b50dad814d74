/** Where a node is paid: who has stolen its key for an hour must not come to its money, nor keep it from its owner. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { createFakeRail } from '../testing/test-fake-rail.ts';
import { openTestPayouts, type TestPayouts } from '../testing/test-payouts.ts';

const HOUR_MS = 3_600_000;
let payouts: TestPayouts;
beforeAll(async () => {
  payouts = await openTestPayouts(createFakeRail());
});
afterAll(() => payouts.close());

const outdated: unknown = expect.objectContaining({ code: 'payout-address.outdated' });

test('an address that was replaced before its time had come never counts', async () => {
  const { clock, chain, addresses } = payouts;
  const node = await payouts.earner(50_000n);
  const nodeIsPaidAt = async (): Promise<string | undefined> => {
    const found = await payouts.store.candidates(clock.nowMs());
    return found.find(({ owner }) => owner.kind === 'node' && owner.nodeId === node.nodeId)?.address;
  };
  const shown = async () => (await addresses.addresses(node.nodeId, clock.nowMs())).map(({ address }) => address);
  const [thief, mine] = [await chain.outsideAddress(), await chain.outsideAddress()];
  await payouts.setAddress(node, thief, 2);
  expect(await shown()).toEqual([thief, node.address]);
  await clock.advance(HOUR_MS);
  await payouts.setAddress(node, mine, 3);
  expect(await shown()).toEqual([mine, node.address]);
  await clock.advance(71 * HOUR_MS);
  expect(await nodeIsPaidAt()).toBe(node.address);
  // Back to what is in force ends every change that waits.
  expect((await payouts.setAddress(node, thief, 4)).effectiveAtMs).toBe(clock.nowMs() + 72 * HOUR_MS);
  expect((await payouts.setAddress(node, node.address, 5)).effectiveAtMs).toBe(clock.nowMs());
  await clock.advance(100 * HOUR_MS);
  expect(await nodeIsPaidAt()).toBe(node.address);
  await payouts.setAddress(node, mine, 6);
  await clock.advance(72 * HOUR_MS);
  expect(await nodeIsPaidAt()).toBe(mine);
  expect(await shown()).toEqual([mine]);
});

test('each change is told to the operator, with what was before and when it counts', async () => {
  const node = await payouts.earner(50_000n);
  const nowMs = payouts.clock.nowMs();
  const other = await payouts.chain.outsideAddress();
  await payouts.setAddress(node, other, 2);
  const { rows } = await payouts.database.execute<{ data: unknown }>(sql`
    SELECT data FROM events WHERE kind = 'payout-address.changing' AND node_id = ${Buffer.from(node.nodeId, 'hex')}
    ORDER BY event_no`);
  expect(rows.map(({ data }) => data)).toEqual([
    { address: node.address, sequence: 1, effectiveAtMs: nowMs },
    { address: other, sequence: 2, effectiveAtMs: nowMs + 72 * HOUR_MS, before: node.address },
  ]);
});

test('numbers go up by one: nobody leaps to the last one, after which nothing could be taken back', async () => {
  const node = await payouts.earner(50_000n);
  const other = await payouts.chain.outsideAddress();
  for (const sequence of [0, 1, 3, Number.MAX_SAFE_INTEGER])
    await expect(payouts.setAddress(node, other, sequence)).rejects.toThrow(outdated);
  await payouts.setAddress(node, other, 2);
});

test('the same for withdrawals: a client can always ask for another one', async () => {
  const clientId = await payouts.client(10_000n);
  for (const sequence of [0, 2, Number.MAX_SAFE_INTEGER])
    await expect(payouts.withdraw(clientId, 1_000n, sequence)).rejects.toMatchObject({ code: 'withdrawal.outdated' });
  await payouts.withdraw(clientId, 1_000n, 1);
  await payouts.withdraw(clientId, 1_000n, 2);
});
