/** GET with and without ranges, HEAD: exactly the bytes asked for, or a refusal that says which. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { shardTree } from '@holdfast/codec';
import { createSimulatedClock, type SimulatedClock, systemClock } from '@holdfast/platform';
import { GROUP_BYTES, HEADERS, shardPath, toHex } from '@holdfast/protocol';
import { runsOf } from '@holdfast/testkit';
import fc from 'fast-check';
import { connectBarely } from '../testing/test-connection.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

const GROUPS = 29;
const LENGTH = GROUPS * GROUP_BYTES;

describe.each(['direct', 'buffered'] as const)('a shard read %s', (io) => {
  let harness: Harness;
  let bytes: Buffer;
  let path: string;
  beforeAll(async () => {
    harness = await startHarness({ io });
    bytes = Buffer.from(harness.shard(GROUPS));
    const packId = harness.packId();
    path = shardPath(packId, 39);
    expect((await harness.client.putShard(harness.grant('put'), packId, 39, bytes)).status).toBe(201);
  });
  afterAll(async () => {
    await harness.close();
  });
  const get = (range?: string) =>
    harness.client.send('GET', path, harness.grant('get'), range === undefined ? {} : { headers: { range } });

  test.each<[string, number, number]>([
    ['bytes=0-0', 0, 1],
    ['bytes=0-', 0, LENGTH],
    [`bytes=0-${LENGTH - 1}`, 0, LENGTH],
    [`bytes=${LENGTH - 1}-${LENGTH - 1}`, LENGTH - 1, LENGTH],
    [`bytes=${LENGTH - 1}-`, LENGTH - 1, LENGTH],
    ['bytes=-1', LENGTH - 1, LENGTH],
    ['bytes=-70000', LENGTH - 70_000, LENGTH],
    [`bytes=-${LENGTH + 5}`, 0, LENGTH],
    ['bytes=4095-4096', 4095, 4097],
    ['bytes=524287-524288', 524_287, 524_289],
    [`bytes=524288-${LENGTH + 10}`, 524_288, LENGTH],
    ['bytes=1-999999999999999', 1, LENGTH],
  ])('%s', async (range, start, end) => {
    const answer = await get(range);
    expect(answer.status).toBe(206);
    expect(answer.headers).toMatchObject({
      'content-range': `bytes ${start}-${end - 1}/${LENGTH}`,
      'content-length': String(end - start),
      'accept-ranges': 'bytes',
    });
    expect(answer.bytes.equals(bytes.subarray(start, end))).toBe(true);
  });

  test.each([
    `bytes=${LENGTH}-`,
    `bytes=${LENGTH}-${LENGTH + 1}`,
    'bytes=5-4',
    'bytes=-0',
    'bytes=-',
    'bytes=0-1,3-4',
    'bytes=a-b',
    'bytes = 0-1',
    'groups=0-1',
    '0-1',
  ])('%s is refused', async (range) => {
    const answer = await get(range);
    expect([answer.status, answer.json['code']]).toEqual([416, 'shard.range-invalid']);
  });

  test('any range of it, as one would cut it from memory', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(LENGTH - 1), fc.nat(LENGTH - 1), async (one, other) => {
        const [first, last] = [Math.min(one, other), Math.max(one, other)];
        const answer = await get(`bytes=${first}-${last}`);
        expect(answer.bytes.equals(bytes.subarray(first, last + 1))).toBe(true);
      }),
      { numRuns: runsOf({ short: 20, long: 500 }) },
    );
  });

  test('many at once, each gets its own bytes', async () => {
    const starts = Array.from({ length: 40 }, (_, index) => index * 40_000);
    const answers = await Promise.all(starts.map((start) => get(`bytes=${start}-${start + 299_999}`)));
    answers.forEach((answer, index) => {
      const start = starts[index]!;
      expect(answer.bytes.equals(bytes.subarray(start, start + 300_000))).toBe(true);
    });
  });

  test('HEAD tells length and root without a byte of it, also to who may only send', async () => {
    for (const verb of ['get', 'put'] as const) {
      const head = await harness.client.send('HEAD', path, harness.grant(verb));
      expect(head.bytes).toHaveLength(0);
      expect(head).toMatchObject({
        status: 200,
        headers: { 'content-length': String(LENGTH), [HEADERS.root]: toHex(shardTree(bytes).root) },
      });
    }
    const unknown = shardPath(harness.packId(), 39);
    expect((await harness.client.send('HEAD', unknown, harness.grant('get'))).status).toBe(404);
  });

  test('the bytes read count against the grant, over all its requests; what was not sent is given back', async () => {
    const grant = harness.grant('get', { quotaBytes: LENGTH + 1000 });
    const read = (range: string) => harness.client.send('GET', path, grant, { headers: { range } });
    expect((await read(`bytes=0-${LENGTH - 1}`)).status).toBe(206);
    expect((await read('bytes=0-1000')).json['code']).toBe('grant.quota-exceeded');
    expect((await read('bytes=0-999')).status).toBe(206);
    expect((await read('bytes=0-0')).json['code']).toBe('grant.quota-exceeded');
    // HEAD reads nothing.
    expect((await harness.client.send('HEAD', path, grant)).status).toBe(200);
  });
});

describe('a slow or vanished reader', () => {
  let harness: Harness;
  let clock: SimulatedClock;
  let path: string;
  beforeAll(async () => {
    clock = createSimulatedClock(systemClock.nowMs());
    harness = await startHarness({ clock, maxDownloads: 2, opsListen: { host: '127.0.0.1', port: 0 } });
    const packId = harness.packId();
    path = shardPath(packId, 0);
    const bytes = harness.shard(400);
    const put = await harness.client.putShard(harness.grant('put'), packId, 0, bytes, { signedAtMs: clock.nowMs() });
    expect(put.status).toBe(201);
  });
  afterAll(async () => {
    await harness.close();
  });

  const headers = () => harness.client.headers('GET', path, harness.grant('get'), { signedAtMs: clock.nowMs() });
  const downloads = async (): Promise<number> => {
    const metrics = await (await fetch(`${harness.node.opsUrl!}/metrics`)).text();
    return Number(/^holdfast_node_downloads (\d+)/m.exec(metrics)![1]);
  };
  const until = async (count: number): Promise<void> => {
    for (let turn = 0; turn < 500 && (await downloads()) !== count; turn += 1) await systemClock.sleep(10);
    expect(await downloads()).toBe(count);
  };
  const beginGet = async () => {
    const connection = await connectBarely(harness.node.baseUrl);
    connection.head('GET', path, headers());
    // From the first byte on the node counts the time.
    await connection.received(/^HTTP\/1.1 200/);
    connection.socket.pause();
    return connection;
  };

  test('gives its place back when it goes', async () => {
    const readers = [await beginGet(), await beginGet()];
    await until(2);
    const refused = await harness.client.send('GET', path, harness.grant('get'), { signedAtMs: clock.nowMs() });
    expect([refused.status, refused.json['code']]).toEqual([503, 'node.busy']);
    for (const { socket } of readers) socket.destroy();
    await until(0);
  });

  test('loses its place in bounded time', async () => {
    const { socket, closed } = await beginGet();
    await until(1);
    // 26 MB at 8 bytes a millisecond, and half a minute.
    await clock.advance(31_000 + (400 * GROUP_BYTES) / 8);
    await until(0);
    socket.resume();
    expect((await closed).length).toBeLessThan(400 * GROUP_BYTES);
  });
});
