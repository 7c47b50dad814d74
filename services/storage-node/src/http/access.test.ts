/** What a request must show: each way of showing too little is refused by its own code, and nothing is stored. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { systemClock } from '@holdfast/platform';
import { HEADERS, REQUEST_WINDOW_MS, shardPath } from '@holdfast/protocol';
import type { Grant } from '../grants/index.ts';
import { clientSeed, type SendOptions } from '../testing/test-client.ts';
import { namesIn, shardsOnDisk } from '../testing/test-disk.ts';
import { createFakeMediator } from '../testing/test-mediator.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness.close();
});

const nowMs = (): number => systemClock.nowMs();
const otherId = 'ab'.repeat(32);

describe('a PUT is refused', () => {
  afterEach(() => {
    expect(shardsOnDisk(harness.node.dataDir)).toEqual([]);
    expect(namesIn(harness.node.dataDir, 'incoming')).toEqual([]);
  });
  const refused = async (grant: Partial<Grant>, send: SendOptions = {}, verb: Grant['verb'] = 'put') => {
    const token = harness.grant(verb, grant);
    const answer = await harness.client.putShard(token, harness.packId(), 0, harness.shard(1), send);
    expect(answer.headers['content-type']).toContain('application/problem+json');
    expect(answer.json['detail']).toEqual(expect.any(String));
    expect(answer.json['next']).toEqual(expect.any(String));
    expect(answer.status).toBeGreaterThanOrEqual(400);
    return [answer.status, answer.json['code']];
  };

  test.each<[string, () => Partial<Grant>, string]>([
    ['an expired grant', () => ({ expiresAtMs: nowMs() - 1 }), 'grant.expired'],
    ['a grant for another node', () => ({ nodeId: otherId }), 'grant.wrong-node'],
    ['a grant for other packs', () => ({ packIds: [otherId] }), 'grant.out-of-scope'],
    ['a grant of a smaller quota', () => ({ quotaBytes: 65_535 }), 'grant.quota-exceeded'],
    ['a grant of the future', () => ({ issuedAtMs: nowMs() + 2 * REQUEST_WINDOW_MS }), 'message.clock-skew'],
    ['a grant of another holder', () => ({ holder: otherId }), 'grant.wrong-holder'],
  ])('under %s', async (_, fields, code) => {
    expect((await refused(fields()))[1]).toBe(code);
  });

  test('with a grant for reading', async () => {
    expect((await refused({}, {}, 'get'))[1]).toBe('grant.wrong-verb');
    expect((await refused({}, {}, 'delete'))[1]).toBe('grant.wrong-verb');
  });

  test('without a grant, without a signed request, with nonsense for either', async () => {
    const { client } = harness;
    const path = shardPath(harness.packId(), 0);
    const codeWith = async (change: Record<string, string | undefined>): Promise<unknown> => {
      const bytes = harness.shard(1);
      const grant = harness.grant('put');
      const all = client.headers('PUT', path, grant, { body: bytes, headers: { [HEADERS.root]: '00'.repeat(32) } });
      const headers = Object.fromEntries(
        Object.entries({ ...all, ...change }).filter(([, value]) => value !== undefined),
      );
      return (await client.sendBare('PUT', path, { ...headers, 'content-type': 'application/octet-stream' }, bytes))
        .json['code'];
    };
    expect(await codeWith({ [HEADERS.grant]: undefined })).toBe('grant.missing');
    expect(await codeWith({ [HEADERS.request]: undefined })).toBe('grant.wrong-holder');
    expect(await codeWith({ [HEADERS.grant]: 'AAAA' })).toMatch(/^message\./);
    expect(await codeWith({ [HEADERS.request]: 'AAAA' })).toMatch(/^message\./);
    expect(await codeWith({ [HEADERS.root]: 'zz' })).toBe('input.invalid');
    expect(await codeWith({ [HEADERS.root]: undefined })).toBe('input.invalid');
  });

  test('a grant that another mediator signed', async () => {
    const stranger = await createFakeMediator(undefined, new Uint8Array(32).fill(7));
    const { clientId } = harness.client;
    const forged = stranger.grant({ verb: 'put', clientId, nodeId: harness.node.nodeId });
    const answer = await harness.client.putShard(forged, harness.packId(), 0, harness.shard(1));
    expect(answer.json['code']).toMatch(/^message\./);
    expect(answer.status).toBeGreaterThanOrEqual(400);
  });

  test('every byte of a grant and of a request counts', async () => {
    const { client } = harness;
    const [packId, bytes] = [harness.packId(), harness.shard(1)];
    const path = shardPath(packId, 0);
    const headers = client.headers('PUT', path, harness.grant('put'), { body: bytes, contentRoot: '11'.repeat(32) });
    for (const header of [HEADERS.grant, HEADERS.request]) {
      const token = headers[header]!;
      for (const at of [0, 10, Math.floor(token.length / 2), token.length - 2]) {
        const changed = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
        const answer = await client.sendBare(
          'PUT',
          path,
          {
            ...headers,
            [header]: changed,
            [HEADERS.root]: '11'.repeat(32),
            'content-type': 'application/octet-stream',
          },
          bytes,
        );
        expect([header, at, answer.json['code']]).toEqual([header, at, expect.stringMatching(/^(message|grant)\./)]);
      }
    }
  });

  test.each<[string, SendOptions, string]>([
    ['signed by another key', { seed: clientSeed('thief') }, 'grant.wrong-holder'],
    ['for another node', { forged: { nodeId: otherId } }, 'request.mismatch'],
    ['with another grant', { forged: { grantHash: otherId } }, 'request.mismatch'],
    ['for another method', { forged: { method: 'GET' } }, 'request.mismatch'],
    ['for another path', { forged: { path: shardPath(otherId, 0) } }, 'request.mismatch'],
    ['for another length', { forged: { contentLength: 131_072 } }, 'request.mismatch'],
    ['for another root', { forged: { contentRoot: otherId } }, 'request.mismatch'],
    ['signed long ago', { signedAtMs: nowMs() - REQUEST_WINDOW_MS - 3_600_000 }, 'message.clock-skew'],
    ['signed in the future', { signedAtMs: nowMs() + REQUEST_WINDOW_MS + 3_600_000 }, 'message.clock-skew'],
  ])('when the request is %s', async (_, send, code) => {
    expect((await refused({}, send))[1]).toBe(code);
  });

  test.each([0, 1, 65_535, 65_537, 131_073])(
    'a shard of %d bytes, which is no whole number of groups',
    async (length) => {
      const bytes = harness.random.bytes(length);
      const answer = await harness.client.putShard(harness.grant('put'), harness.packId(), 0, bytes, {
        contentRoot: '00'.repeat(32),
      });
      expect(answer.json['code']).toBe('shard.length-not-allowed');
    },
  );

  test('names that are none', async () => {
    const { client } = harness;
    for (const path of [
      shardPath('zz', 0),
      shardPath(otherId, 40),
      `/v1/shards/${otherId}/-1`,
      '/v1/shards/..%2f..%2fx/0',
    ]) {
      const answer = await client.send('PUT', path, harness.grant('put'), {
        body: harness.shard(1),
        contentRoot: '00'.repeat(32),
        headers: { [HEADERS.root]: '00'.repeat(32), 'content-type': 'application/octet-stream' },
      });
      expect([path, answer.json['code']]).toEqual([path, 'input.invalid']);
    }
  });
});

describe('what is stored', () => {
  test('belongs to one client: others do not even see it, and cannot touch it', async () => {
    const { client } = harness;
    const [packId, bytes] = [harness.packId(), harness.shard(2)];
    expect((await client.putShard(harness.grant('put'), packId, 1, bytes)).status).toBe(201);
    const thief = harness.clientNamed('thief');
    const grantOf = (verb: Grant['verb']): string =>
      harness.grant(verb, { clientId: thief.clientId, packIds: [packId] });
    const path = shardPath(packId, 1);
    expect((await thief.send('GET', path, grantOf('get'))).json['code']).toBe('shard.unknown');
    expect((await thief.send('HEAD', path, grantOf('get'))).status).toBe(404);
    expect((await thief.send('DELETE', path, grantOf('delete'))).status).toBe(204);
    // The same name under another client is another shard.
    expect((await thief.putShard(grantOf('put'), packId, 1, harness.shard(1))).status).toBe(201);
    // Nor does the owner's grant help whoever steals it.
    const stolen = await thief.send('GET', path, harness.grant('get'));
    expect(stolen.json['code']).toBe('grant.wrong-holder');
    expect((await client.send('GET', path, harness.grant('get'))).bytes.equals(bytes)).toBe(true);
  });

  test('is read under a grant of another holder for repair, and deleted only under one that names the pack', async () => {
    const { client } = harness;
    const [packId, bytes] = [harness.packId(), harness.shard(2)];
    await client.putShard(harness.grant('put'), packId, 2, bytes);
    const path = shardPath(packId, 2);
    const repairer = harness.clientNamed('repair');
    const grant = harness.grant('get', { holder: repairer.clientId, packIds: [packId] });
    expect((await repairer.send('GET', path, grant)).bytes.equals(bytes)).toBe(true);
    expect((await client.send('DELETE', path, harness.grant('delete'))).json['code']).toBe('grant.out-of-scope');
    expect((await client.send('DELETE', path, harness.grant('get'))).json['code']).toBe('grant.wrong-verb');
    const named = harness.grant('delete', { packIds: [harness.packId(), packId] });
    expect((await client.send('DELETE', path, named)).status).toBe(204);
    expect((await client.send('DELETE', path, named)).status).toBe(204);
    expect((await client.send('HEAD', path, harness.grant('get'))).status).toBe(404);
  });

  test('a request that is replayed changes nothing', async () => {
    const { client } = harness;
    const [packId, bytes] = [harness.packId(), harness.shard(3)];
    const grant = harness.grant('put', { uploadId: harness.uploadId(), quotaBytes: bytes.length });
    expect((await client.putShard(grant, packId, 0, bytes)).status).toBe(201);
    const before = shardsOnDisk(harness.node.dataDir);
    // The very same tokens and bytes, within the quota of one shard.
    for (let time = 0; time < 3; time += 1) {
      const again = await client.putShard(grant, packId, 0, bytes);
      expect(again.status).toBe(201);
    }
    expect(shardsOnDisk(harness.node.dataDir)).toEqual(before);
    const other = await client.putShard(harness.grant('put'), packId, 0, harness.shard(3));
    expect(other.json['code']).toBe('shard.conflict');
    const shorter = await client.putShard(harness.grant('put'), packId, 0, harness.shard(2));
    expect(shorter.json['code']).toBe('shard.conflict');
    expect((await client.send('GET', shardPath(packId, 0), harness.grant('get'))).bytes.equals(bytes)).toBe(true);
  });
});

test('whoever shows forged rights again and again has to wait; an honest mistake does not count', async () => {
  const strict = await startHarness({ maxFailuresPerMinute: 5 });
  try {
    const { client } = strict;
    const path = shardPath(strict.packId(), 0);
    for (let time = 0; time < 20; time += 1) {
      const old = strict.grant('get', { expiresAtMs: nowMs() - 1 });
      expect((await client.send('GET', path, old)).json['code']).toBe('grant.expired');
    }
    const forge = () => client.send('GET', path, strict.grant('get'), { seed: clientSeed('thief') });
    for (let time = 0; time < 5; time += 1) expect((await forge()).json['code']).toBe('grant.wrong-holder');
    const stopped = await forge();
    expect([stopped.status, stopped.json['code']]).toEqual([429, 'limit.rate']);
    expect(Number(stopped.headers['retry-after'])).toBeGreaterThan(0);
  } finally {
    await strict.close();
  }
});
