/** Bodies that lie, break off, crawl or come all at once: nothing of them stays, nothing of the others is lost. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { shardTree } from '@holdfast/codec';
import { createSimulatedClock, type SimulatedClock, systemClock } from '@holdfast/platform';
import { GROUP_BYTES, HEADERS, shardPath, toHex } from '@holdfast/protocol';
import { runsOf } from '@holdfast/testkit';
import fc from 'fast-check';
import { connectBarely } from '../testing/test-connection.ts';
import { bytesOnDisk, namesIn, rootOfFile, shardsOnDisk } from '../testing/test-disk.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

let harness: Harness;
let clock: SimulatedClock;
beforeAll(async () => {
  clock = createSimulatedClock(systemClock.nowMs());
  harness = await startHarness({ clock, opsListen: { host: '127.0.0.1', port: 0 } });
});
afterAll(async () => {
  await harness.close();
});

/** The head of an honest PUT of `bytes`, on a bare connection. */
async function beginPut(bytes: Uint8Array, more: Record<string, string | number> = {}, packId = harness.packId()) {
  const root = toHex(shardTree(bytes).root);
  const connection = await connectBarely(harness.node.baseUrl);
  const path = shardPath(packId, 0);
  const rights = harness.client.headers('PUT', path, harness.grant('put', { uploadId: harness.uploadId() }), {
    body: bytes,
    contentRoot: root,
    signedAtMs: clock.nowMs(),
  });
  const type = { 'content-type': 'application/octet-stream', [HEADERS.root]: root };
  connection.head('PUT', path, { ...rights, ...type, 'content-length': bytes.length, ...more });
  return { ...connection, packId };
}

/** Waits until the node has nothing under way, by asking it. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 500; turn += 1) {
    const metrics = await (await fetch(`${harness.node.opsUrl!}/metrics`)).text();
    if (/^holdfast_node_uploads 0$/m.test(metrics)) return;
    await systemClock.sleep(10);
  }
}

describe('a body', () => {
  let before: number;
  beforeAll(() => {
    before = bytesOnDisk(harness.node.dataDir);
  });
  afterEach(async () => {
    await settled();
    expect(namesIn(harness.node.dataDir, 'incoming')).toEqual([]);
    expect(bytesOnDisk(harness.node.dataDir)).toBe(before);
    // What was set aside for it was given back.
    await harness.node.heartbeatNow();
    const { usedBytes, freeBytes } = harness.mediator.heartbeats.at(-1)!;
    expect([usedBytes, freeBytes]).toEqual([before, 1_000_000_000 - before]);
  });

  test('of other bytes than the root announces is refused', async () => {
    const bytes = harness.shard(5);
    for (const at of [0, 70_000, bytes.length - 1]) {
      const changed = new Uint8Array(bytes);
      changed[at]! ^= 1;
      const answer = await harness.client.putShard(harness.grant('put'), harness.packId(), 0, changed, {
        contentRoot: toHex(shardTree(bytes).root),
      });
      expect([answer.status, answer.json['code']]).toEqual([422, 'shard.root-mismatch']);
    }
  });

  test.each([0, 1, GROUP_BYTES, 3 * GROUP_BYTES - 1])(
    'that breaks off after %d bytes leaves nothing',
    async (length) => {
      const bytes = harness.shard(3);
      const { socket, closed } = await beginPut(bytes);
      socket.write(bytes.subarray(0, length));
      await systemClock.sleep(20);
      socket.destroy();
      await closed;
    },
  );

  test('that ends early, with the connection half closed, is refused', async () => {
    const bytes = harness.shard(3);
    const { socket, closed } = await beginPut(bytes);
    socket.end(bytes.subarray(0, 100_000));
    expect(await closed).not.toContain('201 Created');
  });

  test('without an announced length is refused before it is read', async () => {
    const bytes = harness.shard(3);
    const put = await beginPut(bytes, { 'content-length': '', 'transfer-encoding': 'chunked' });
    put.socket.write(`10000\r\n`);
    expect(await put.received(/HTTP\/1.1 (4\d\d)[\s\S]*"code":"([a-z.-]+)"/)).toBeDefined();
    put.socket.destroy();
  });

  test('of a chunked request without Content-Length is asked for its length', async () => {
    const bytes = harness.shard(1);
    const root = toHex(shardTree(bytes).root);
    const path = shardPath(harness.packId(), 0);
    const headers = harness.client.headers('PUT', path, harness.grant('put'), {
      body: bytes,
      contentRoot: root,
      signedAtMs: clock.nowMs(),
    });
    const connection = await connectBarely(harness.node.baseUrl);
    connection.head('PUT', path, {
      ...headers,
      'content-type': 'application/octet-stream',
      [HEADERS.root]: root,
      'transfer-encoding': 'chunked',
    });
    const match = await connection.received(/HTTP\/1.1 (\d+)[\s\S]*"code":"([a-z.-]+)"/);
    expect(match.slice(1)).toEqual(['411', 'shard.length-required']);
    connection.socket.destroy();
  });

  test('of another length than was signed is refused', async () => {
    const bytes = harness.shard(3);
    for (const length of [2 * GROUP_BYTES, 4 * GROUP_BYTES]) {
      const put = await beginPut(bytes, { 'content-length': length });
      const match = await put.received(/HTTP\/1.1 (\d+)[\s\S]*"code":"([a-z.-]+)"/);
      expect(match.slice(1)).toEqual(['401', 'request.mismatch']);
      put.socket.destroy();
    }
  });

  test('that crawls is cut off in bounded time, and its place is free again', async () => {
    const bytes = harness.shard(3);
    const put = await beginPut(bytes);
    put.socket.write(bytes.subarray(0, 1000));
    while (namesIn(harness.node.dataDir, 'incoming').length === 0) await systemClock.sleep(5);
    // 30 s and what 8 bytes a millisecond would take; half of it is not enough to be cut off.
    await clock.advance(29_000);
    put.socket.write(bytes.subarray(1000, 2000));
    expect(namesIn(harness.node.dataDir, 'incoming')).toHaveLength(1);
    await clock.advance(2000 + bytes.length / 8);
    expect(await put.closed).not.toContain('201 Created');
  });
});

test('a body longer than announced ends the connection; what may stay of it is what was announced', async () => {
  const bytes = harness.shard(2);
  const put = await beginPut(bytes);
  put.socket.write(bytes);
  put.socket.write(harness.random.bytes(5000));
  expect(await put.closed).toContain('HTTP/1.1 400');
  await settled();
  expect(namesIn(harness.node.dataDir, 'incoming')).toEqual([]);
  const root = toHex(shardTree(bytes).root);
  for (const { path, packId } of shardsOnDisk(harness.node.dataDir)) {
    if (packId === put.packId) expect(rootOfFile(path)).toBe(root);
  }
  const again = { signedAtMs: clock.nowMs() };
  expect((await harness.client.putShard(harness.grant('put'), put.packId, 0, bytes, again)).status).toBe(201);
});

test('two uploads of one shard at once: one file, two receipts', async () => {
  const [packId, bytes] = [harness.packId(), harness.shard(20)];
  const options = { signedAtMs: clock.nowMs() };
  const answers = await Promise.all(
    Array.from({ length: 4 }, () => harness.client.putShard(harness.grant('put'), packId, 3, bytes, options)),
  );
  expect(answers.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
  const files = shardsOnDisk(harness.node.dataDir).filter((file) => file.packId === packId);
  expect(files.map(({ path }) => rootOfFile(path))).toEqual([toHex(shardTree(bytes).root)]);
});

test('two different shards under one name at once: one is stored, the other is refused', async () => {
  const packId = harness.packId();
  const options = { signedAtMs: clock.nowMs() };
  const answers = await Promise.all(
    [3, 4].map((groups) => harness.client.putShard(harness.grant('put'), packId, 0, harness.shard(groups), options)),
  );
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([201, 409]);
});

test('parallel uploads never exceed the capacity, and what it allows is taken', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 8, maxLength: 24 }),
      fc.integer({ min: 1_000_000, max: 4_000_000 }),
      async (sizes, capacityBytes) => {
        const full = await startHarness({ capacityBytes });
        try {
          const answers = await Promise.all(
            sizes.map((groups) => full.client.putShard(full.grant('put'), full.packId(), 0, full.shard(groups))),
          );
          const outcomes = new Set(answers.map(({ status, json }) => (status === 201 ? 'stored' : json['code'])));
          outcomes.delete('stored');
          const used = bytesOnDisk(full.node.dataDir);
          expect(used).toBeLessThanOrEqual(capacityBytes);
          expect([...outcomes].filter((code) => code !== 'node.full')).toEqual([]);
          expect(shardsOnDisk(full.node.dataDir)).toHaveLength(answers.filter(({ status }) => status === 201).length);
          // Whoever was refused did not fit: the smallest one does not fit even now, when nothing is under way.
          const refused = sizes.filter((_, index) => answers[index]!.status !== 201);
          if (sizes.reduce((sum, groups) => sum + groups * GROUP_BYTES + 4096, 0) <= capacityBytes) {
            expect(refused).toEqual([]);
          }
          await full.node.heartbeatNow();
          expect(full.mediator.heartbeats.at(-1)).toMatchObject({
            usedBytes: used,
            freeBytes: Math.max(0, capacityBytes - used),
          });
        } finally {
          await full.close();
        }
      },
    ),
    { numRuns: runsOf({ short: 5, long: 60 }) },
  );
}, 600_000);

test('a full node says so with its figures, and takes again what was freed', async () => {
  const full = await startHarness({ capacityBytes: 1_000_000 });
  try {
    const { client } = full;
    const [first, second] = [full.packId(), full.packId()];
    expect((await client.putShard(full.grant('put'), first, 0, full.shard(8))).status).toBe(201);
    const refused = await client.putShard(full.grant('put'), second, 0, full.shard(8));
    expect([refused.status, refused.json['code']]).toEqual([507, 'node.full']);
    expect(refused.json['detail']).toContain(`${1_000_000 - 8 * GROUP_BYTES - 4096} bytes left`);
    await client.send('DELETE', shardPath(first, 0), full.grant('delete', { packIds: [first] }));
    expect((await client.putShard(full.grant('put'), second, 0, full.shard(8))).status).toBe(201);
  } finally {
    await full.close();
  }
});

test('more uploads at once than there are places: the rest is told to come again', async () => {
  const busy = await startHarness({ maxUploads: 2 });
  try {
    const put = () => busy.client.putShard(busy.grant('put'), busy.packId(), 0, busy.shard(16));
    const answers = await Promise.all(Array.from({ length: 12 }, put));
    const codes = answers.map(({ status, json }) => (status === 201 ? 201 : json['code']));
    expect(new Set([...codes, 201, 'node.busy']).size).toBe(2);
    expect(codes.filter((code) => code === 201).length).toBeGreaterThanOrEqual(2);
    expect((await put()).status).toBe(201);
  } finally {
    await busy.close();
  }
});
