/** What the mediator's orders do to shards, over real HTTPS and real files: in order, once, durably. */
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createSimulatedClock, type SimulatedClock, systemClock } from '@holdfast/platform';
import { fail, shardPath } from '@holdfast/protocol';
import { bytesOnDisk, shardsOnDisk } from '../testing/test-disk.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
let harness: Harness;
let clock: SimulatedClock;
beforeEach(async () => {
  clock = createSimulatedClock(systemClock.nowMs());
  harness = await startHarness({ clock, capacityBytes: 3_000_000 });
});
afterEach(async () => {
  await harness.close();
});

const nameOf = (packId: string) => ({ clientId: harness.client.clientId, packId, shardIndex: 0 });
async function put(uploadId: string, groups = 2, packId = harness.packId()) {
  // The clock of these tests runs ahead: grants and requests come from its time.
  const nowMs = clock.nowMs();
  const grant = harness.grant('put', {
    uploadId,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + 3_600_000,
    quotaBytes: 1_000_000,
  });
  const answer = await harness.client.putShard(grant, packId, 0, harness.shard(groups), { signedAtMs: nowMs });
  return { packId, status: answer.status, code: answer.json['code'] };
}
const packsHere = (): string[] => shardsOnDisk(harness.node.dataDir).map(({ packId }) => packId);
const lastBeat = () => harness.mediator.heartbeats.at(-1)!;
const visit = () => harness.node.heartbeatNow();

describe('an upload', () => {
  test('that is discarded loses what was not committed, and only that; nothing more is taken for it', async () => {
    const [upload, other] = [harness.uploadId(), harness.uploadId()];
    const [kept, dropped, foreign] = [await put(upload), await put(upload), await put(other)];
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(kept.packId)] });
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: upload });
    await visit();
    expect(new Set(packsHere())).toEqual(new Set([kept.packId, foreign.packId]));
    expect(packsHere()).not.toContain(dropped.packId);
    expect(lastBeat()).toMatchObject({ carriedOutOrder: 2, usedBytes: bytesOnDisk(harness.node.dataDir) });
    expect((await put(upload)).code).toBe('upload.expired');
    await harness.restart();
    expect((await put(upload)).code).toBe('upload.expired');
    expect((await put(other)).status).toBe(201);
  });

  test('whose shards nobody committed is kept for as long as the mediator says nothing', async () => {
    const { packId } = await put(harness.uploadId());
    harness.mediator.failure = fail('remote.unreachable', { what: 'the mediator', detail: 'it is away' });
    for (let day = 0; day < 40; day += 10) {
      await clock.advance(10 * DAY_MS);
      await expect(visit()).rejects.toMatchObject({ httpStatus: 503 });
      await harness.node.scrubNow();
    }
    await harness.restart();
    expect(packsHere()).toEqual([packId]);
    // Back again, but without a word about this upload.
    harness.mediator.failure = undefined;
    await visit();
    await visit();
    expect(packsHere()).toEqual([packId]);
  });

  test('has a quota that survives a restart, committed and uncommitted bytes alike', async () => {
    const upload = harness.uploadId();
    const committed = await put(upload, 6);
    await put(upload, 6);
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(committed.packId)] });
    await visit();
    for (const restarts of [0, 1]) {
      if (restarts > 0) await harness.restart();
      expect((await put(upload, 4)).code).toBe('grant.quota-exceeded');
    }
    expect((await put(upload, 3)).status).toBe(201);
  });

  test('that is discarded is told with what lay here and for how long, until the mediator has noted it', async () => {
    const [upload, empty] = [harness.uploadId(), harness.uploadId()];
    const committed = await put(upload, 4);
    await put(upload, 1);
    await clock.advance(3 * HOUR_MS);
    await put(upload, 2);
    // A restart finds the times again.
    await harness.restart();
    await clock.advance(HOUR_MS);
    harness.mediator.failLosses = true;
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(committed.packId)] });
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: upload });
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: empty });
    await expect(visit()).rejects.toBeDefined();
    expect(packsHere()).toEqual([committed.packId]);
    // Told once more, as after a crash between the deletion and the cursor: what is known of it stays.
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: upload });
    await expect(visit()).rejects.toBeDefined();
    await harness.restart();
    harness.mediator.failLosses = false;
    await visit();
    await visit();
    const said = harness.mediator.uncommitted.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
    expect(said).toEqual([
      { uploadId: upload, sizeBytes: 3 * 65_536, lainMs: 2 * HOUR_MS },
      { uploadId: empty, sizeBytes: 0, lainMs: 0 },
    ]);
  });

  test('that ends while a shard of it arrives does not keep the shard', async () => {
    const upload = harness.uploadId();
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: upload });
    const [sent] = await Promise.all([put(upload, 12), visit()]);
    expect(['upload.expired', undefined]).toContain(sent.code);
    await visit();
    expect(packsHere()).toEqual([]);
    expect(lastBeat().usedBytes).toBe(0);
  });
});

describe('orders', () => {
  test('are carried out in their order whatever the order of the answer, and once', async () => {
    const upload = harness.uploadId();
    const shards = [await put(upload), await put(upload), await put(upload)].map(({ packId }) => nameOf(packId));
    harness.mediator.addOrder({ kind: 'committed', shards });
    harness.mediator.addOrder({ kind: 'delete', shards: shards.slice(0, 1) });
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: upload });
    harness.mediator.answerBackwards = true;
    await visit();
    expect(new Set(packsHere())).toEqual(new Set(shards.slice(1).map(({ packId }) => packId)));
    const before = harness.mediator.heartbeats.length;
    await visit();
    // Nothing new: one beat is enough.
    expect(harness.mediator.heartbeats).toHaveLength(before + 1);
    expect(harness.mediator.losses).toEqual([]);
  });

  test('that come a second time, after a crash of the mediator, change nothing', async () => {
    const upload = harness.uploadId();
    const [kept, dropped] = [await put(upload), await put(upload)];
    const orders = [
      { kind: 'committed', shards: [nameOf(kept.packId), nameOf(dropped.packId)] },
      { kind: 'delete', shards: [nameOf(dropped.packId)] },
    ] as const;
    for (const order of orders) harness.mediator.addOrder(order);
    await visit();
    for (const order of orders.toReversed()) harness.mediator.addOrder(order);
    await visit();
    // The commit that came again names a shard that was deleted meanwhile: that is a loss, and said so once.
    expect(packsHere()).toEqual([kept.packId]);
    expect(harness.mediator.losses).toEqual([nameOf(dropped.packId)]);
    await visit();
    expect(harness.mediator.losses).toHaveLength(1);
    expect(lastBeat().carriedOutOrder).toBe(4);
  });

  test('of more than one answer are all carried out in one visit', async () => {
    const upload = harness.uploadId();
    const { packId } = await put(upload);
    for (let count = 0; count < 2500; count += 1) {
      harness.mediator.addOrder({ kind: 'discard-upload', uploadId: count.toString(16).padStart(32, '0') });
    }
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(packId)] });
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: upload });
    await visit();
    expect(lastBeat().carriedOutOrder).toBe(2502);
    expect(harness.mediator.uncommitted).toHaveLength(2501);
    expect(packsHere()).toEqual([packId]);
  });

  test('to delete what is not here, or what nobody committed, succeed', async () => {
    const { packId } = await put(harness.uploadId());
    harness.mediator.addOrder({ kind: 'delete', shards: [nameOf(packId), nameOf(harness.packId())] });
    await visit();
    expect(packsHere()).toEqual([]);
    expect(lastBeat()).toMatchObject({ carriedOutOrder: 1, usedBytes: 0, freeBytes: 3_000_000 });
    expect(harness.mediator.losses).toEqual([]);
  });

  test('to commit what never arrived make a loss, which the mediator is told, also when it was away meanwhile', async () => {
    const missing = nameOf(harness.packId());
    harness.mediator.addOrder({ kind: 'committed', shards: [missing] });
    harness.mediator.failLosses = true;
    await expect(visit()).rejects.toBeDefined();
    expect(harness.mediator.losses).toEqual([]);
    await harness.restart();
    harness.mediator.failLosses = false;
    await visit();
    expect(harness.mediator.losses).toEqual([missing]);
  });

  test('a shard that is sent again after its loss is whole again', async () => {
    const upload = harness.uploadId();
    const packId = harness.packId();
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(packId)] });
    await visit();
    expect(harness.mediator.losses).toEqual([nameOf(packId)]);
    expect((await put(upload, 2, packId)).status).toBe(201);
    await visit();
    expect(harness.mediator.losses).toHaveLength(1);
    const got = await harness.client.send(
      'HEAD',
      shardPath(packId, 0),
      harness.grant('get', {
        issuedAtMs: clock.nowMs(),
        expiresAtMs: clock.nowMs() + 1000,
      }),
      { signedAtMs: clock.nowMs() },
    );
    expect(got.status).toBe(200);
  });
});
