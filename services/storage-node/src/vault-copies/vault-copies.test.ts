/** Copies of heads and shard maps over HTTPS: the newest signed one of their owner, and nothing else. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { shardTree } from '@holdfast/codec';
import { createSigningKey, packCommit, signMessage, toHex, vaultHead, ZERO_32 } from '@holdfast/protocol';
import { clientSeed } from '../testing/test-client.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

const VAULT = '00112233445566778899aabbccddeeff';
const HEAD = `/v1/vaults/${VAULT}/head`;
const MAPS = `/v1/vaults/${VAULT}/shard-maps`;
const key = createSigningKey(clientSeed('one'));

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness();
});
afterAll(async () => {
  await harness.close();
});

const headOf = (sequence: number, more: { text?: string; seed?: string; vaultId?: string } = {}): string => {
  const signer = more.seed === undefined ? key : createSigningKey(clientSeed(more.seed));
  const body = {
    clientId: toHex(signer.publicKey),
    vaultId: more.vaultId ?? VAULT,
    sequence,
    previousHash: ZERO_32,
    writtenAtMs: 1,
    sealed: new Uint8Array(Buffer.from(more.text ?? 'sealed')),
  };
  return signMessage(vaultHead, harness.mediator.signing, body, signer);
};
const putHead = async (head: string) => {
  const answer = await harness.client.putJson('PUT', HEAD, harness.grant('put'), { head });
  return answer.status === 204 ? 204 : answer.json['code'];
};
const getHead = async (): Promise<unknown> => (await harness.client.send('GET', HEAD, harness.grant('get'))).json;

test('the newest head is kept; an older, another or a forged one is refused', async () => {
  expect(await getHead()).toMatchObject({ code: 'head.missing' });
  const first = headOf(3);
  expect(await putHead(first)).toBe(204);
  expect(await putHead(first)).toBe(204);
  expect(await putHead(headOf(2))).toBe('head.rollback');
  expect(await putHead(headOf(3, { text: 'other' }))).toBe('head.conflict');
  expect(await putHead(headOf(9, { seed: 'thief' }))).toBe('request.mismatch');
  expect(await putHead(headOf(9, { vaultId: 'ff'.repeat(16) }))).toBe('request.mismatch');
  expect(await putHead(`${first.slice(0, -4)}AAAA`)).toMatch(/^message\./);
  expect(await getHead()).toEqual({ head: first });
  const second = headOf(4);
  expect(await putHead(second)).toBe(204);
  await harness.restart();
  expect(await getHead()).toEqual({ head: second });
});

test('a body that was changed on the way is refused, and a client sees its own copies only', async () => {
  const body = Buffer.from(JSON.stringify({ head: headOf(8) }));
  const answer = await harness.client.send('PUT', HEAD, harness.grant('put'), {
    body,
    contentRoot: '11'.repeat(32),
    headers: { 'content-type': 'application/json' },
  });
  expect(answer.json['code']).toBe('request.mismatch');
  const other = harness.clientNamed('other');
  const grant = harness.grant('get', { clientId: other.clientId });
  expect((await other.send('GET', HEAD, grant)).json['code']).toBe('head.missing');
});

test('a shard map is kept for a shard that is here, listed in order, and forgotten with it', async () => {
  const { client, node, mediator } = harness;
  const commits: { packId: string; token: string }[] = [];
  for (let index = 0; index < 3; index += 1) {
    const [packId, bytes] = [harness.packId(), harness.shard(2)];
    await client.putShard(harness.grant('put'), packId, 1, bytes);
    const root = toHex(shardTree(bytes).root);
    const body = {
      clientId: client.clientId,
      vaultId: VAULT,
      packId,
      dataShards: 1,
      parityShards: 1,
      shardLengthBytes: bytes.length,
      maskKeyHash: ZERO_32,
      shards: [
        { nodeId: 'ab'.repeat(32), root: 'cd'.repeat(32) },
        { nodeId: node.nodeId, root },
      ],
    };
    commits.push({ packId, token: signMessage(packCommit, mediator.signing, body, key) });
    // The same with another root is no map of what is here.
    const wrong = { ...body, packId: harness.packId() };
    const refused = await client.putJson('POST', MAPS, harness.grant('put'), {
      commits: [signMessage(packCommit, mediator.signing, wrong, key)],
    });
    expect(refused.json['code']).toBe('pack.bad-commit');
  }
  const tokens = commits.map(({ token }) => token);
  expect((await client.putJson('POST', MAPS, harness.grant('put'), { commits: tokens })).status).toBe(204);
  const list = async (query = ''): Promise<unknown> =>
    (await client.send('GET', `${MAPS}${query}`, harness.grant('get'))).json['commits'];
  const sorted = commits.toSorted((a, b) => (a.packId < b.packId ? -1 : 1));
  expect(await list()).toEqual(sorted.map(({ token }) => token));
  expect(await list(`?after=${sorted[0]!.packId}`)).toEqual(sorted.slice(1).map(({ token }) => token));
  mediator.addOrder({
    kind: 'delete',
    shards: [{ clientId: client.clientId, packId: sorted[1]!.packId, shardIndex: 1 }],
  });
  await node.heartbeatNow();
  expect(await list()).toEqual([sorted[0]!.token, sorted[2]!.token]);
});
