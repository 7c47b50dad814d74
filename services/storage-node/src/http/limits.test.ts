/** What strangers can make the node hold: little, for a short while, and each limit says its name. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createSimulatedClock, type SimulatedClock, systemClock } from '@holdfast/platform';
import { HEADERS } from '@holdfast/protocol';
import { type BareConnection, connectBarely } from '../testing/test-connection.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

let harness: Harness;
let clock: SimulatedClock;
beforeAll(async () => {
  clock = createSimulatedClock(systemClock.nowMs());
  harness = await startHarness({ clock, maxConnections: 12 });
});
afterAll(async () => {
  await harness.close();
});

const vaultPath = '/v1/vaults/00112233445566778899aabbccddeeff/head';

test('headers that are too large are refused with the limit', async () => {
  const connection = await connectBarely(harness.node.baseUrl);
  connection.head('GET', '/v1/status', { [HEADERS.grant]: 'A'.repeat(80_000) });
  const text = await connection.closed;
  expect(text).toMatch(/^HTTP\/1.1 413 /);
  expect(text).toContain('"code":"input.too-large"');
  expect(text).toContain('73728 bytes');
});

test('a grant for a thousand packs fits', async () => {
  const packIds = Array.from({ length: 1000 }, () => harness.packId());
  const grant = harness.grant('get', { packIds });
  const answer = await harness.client.send('GET', `/v1/shards/${packIds[7]!}/0`, grant, {
    signedAtMs: clock.nowMs(),
  });
  expect(answer.json['code']).toBe('shard.unknown');
});

test('what is no HTTP, no route or no method is a problem, not a crash', async () => {
  const connection = await connectBarely(harness.node.baseUrl);
  connection.socket.write('\u0016\u0003\u0001 hello\r\n\r\n');
  expect(await connection.closed).toMatch(/^HTTP\/1.1 400 [\s\S]*"code":"input.invalid"/);
  const unknown = await harness.client.send('GET', '/v1/else', harness.grant('get'));
  expect([unknown.status, unknown.json['code']]).toEqual([404, 'input.unknown-route']);
  const post = await harness.client.send('POST', `/v1/shards/${harness.packId()}/0`, harness.grant('put'));
  expect([post.status, post.json['code']]).toEqual([404, 'input.unknown-route']);
});

test.each(['shards', 'no-such-route'])('a body to %s without a right is not read for long', async (route) => {
  const connection = await connectBarely(harness.node.baseUrl);
  connection.head('PUT', `/v1/${route}/${harness.packId()}/0`, {
    'content-type': 'application/octet-stream',
    [HEADERS.root]: '00'.repeat(32),
    'content-length': 64 * 1024 * 1024,
  });
  await connection.received(/"code":"(grant.missing|input.unknown-route)"/);
  const piece = Buffer.alloc(65_536);
  let sentBytes = 0;
  while (!connection.socket.destroyed && sentBytes < 64 * 1024 * 1024) {
    sentBytes += piece.length;
    const wasTaken = new Promise((resolve) => connection.socket.write(piece, resolve));
    await Promise.race([wasTaken, connection.closed]);
  }
  await connection.closed;
  // Its own buffers and the system's take some more than the node reads.
  expect(sentBytes).toBeLessThan(32 * 1024 * 1024);
});

describe('a record that crawls', () => {
  test.each(['with a right', 'without one'])('%s is cut off in bounded time', async (kind) => {
    const body = Buffer.from(JSON.stringify({ head: 'x'.repeat(1000) }));
    const rights = harness.client.headers('PUT', vaultPath, harness.grant('put'), { body, signedAtMs: clock.nowMs() });
    const connection = await connectBarely(harness.node.baseUrl);
    connection.head('PUT', vaultPath, {
      ...(kind === 'with a right' ? rights : {}),
      'content-type': 'application/json',
      'content-length': body.length,
    });
    connection.socket.write(body.subarray(0, 10));
    // Long enough for the node to have looked at the head.
    await harness.client.send('GET', '/v1/status', '', { signedAtMs: clock.nowMs() });
    await clock.advance(31_000);
    expect(await connection.closed).not.toContain('HTTP/1.1 2');
  });
});

test('more connections than allowed are closed at once, the others are served', async () => {
  const { client } = harness;
  expect((await client.sendBare('GET', '/v1/status', {})).status).toBe(200);
  const open: BareConnection[] = [];
  let refused = 0;
  for (let count = 0; count < 16; count += 1) {
    const connection = await connectBarely(harness.node.baseUrl).catch(() => undefined);
    if (connection === undefined) refused += 1;
    else open.push(connection);
  }
  expect(refused).toBeGreaterThanOrEqual(4);
  expect((await client.sendBare('GET', '/v1/status', {})).status).toBe(200);
  for (const { socket } of open) socket.destroy();
  await Promise.all(open.map(({ closed }) => closed));
  for (let attempt = 0; ; attempt += 1) {
    const late = await connectBarely(harness.node.baseUrl).catch(() => undefined);
    late?.socket.destroy();
    if (late !== undefined) break;
    expect(attempt).toBeLessThan(1_000);
    await systemClock.sleep(20);
  }
});

test('the status tells who the node is, and nothing of what it stores', async () => {
  const { json } = await harness.client.sendBare('GET', '/v1/status', {});
  expect(json).toEqual({
    nodeId: harness.node.nodeId,
    mediatorId: harness.mediator.mediatorId,
    version: expect.any(String),
    timeMs: clock.nowMs(),
  });
});
