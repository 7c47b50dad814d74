import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unwrap } from '@holdfast/http-api';
import {
  createSigningKey,
  grant,
  messageHash,
  openMessage,
  readKeys,
  signMessage,
  toHex,
  ZERO_16,
} from '@holdfast/protocol';
import {
  commitPacks,
  freshId,
  GROUP,
  makePack,
  openTestUpload,
  signDrop,
  signHead,
  startTestMediator,
  type TestClient,
  type TestMediator,
  type TestNode,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
let nodes: TestNode[];
let client: TestClient;

beforeAll(async () => {
  mediator = await startTestMediator();
  nodes = await mediator.nodes(6);
  client = await mediator.client();
});
afterAll(() => mediator.close());

const failure = (code: string): unknown => expect.objectContaining({ code });
const vaultOf = async (vaultId: string) =>
  unwrap(client.api.GET('/v1/vaults/{vaultId}', { params: { path: { vaultId } } }));
const locate = (vaultId: string, packIds: string[], as = client) =>
  unwrap(as.api.POST('/v1/vaults/{vaultId}/packs/locate', { params: { path: { vaultId } }, body: { packIds } }));
const reservedAt = async (node: TestNode): Promise<number> => {
  const shown = await unwrap(mediator.api.GET('/v1/nodes/{nodeId}', { params: { path: { nodeId: node.nodeId } } }));
  return shown.capacityBytes - shown.freeBytes;
};

describe('the life of a pack', () => {
  test('committed, located, listed, dropped, and the nodes are told each time', async () => {
    const upload = await openTestUpload(client, nodes);
    const packs = [makePack(mediator, client, upload), makePack(mediator, client, upload)];
    const packIds = packs.map(({ packId }) => packId);
    expect(await commitPacks(client, upload, packs)).toEqual({ committed: packIds });
    expect(await vaultOf(upload.vaultId)).toMatchObject({ packCount: 2, storedBytes: 8 * GROUP });

    const located = await locate(upload.vaultId, [...packIds, freshId()]);
    expect(located.packs).toHaveLength(2);
    const first = located.packs.find(({ packId }) => packId === packIds[0])!;
    expect(first).toMatchObject({ dataShards: 2, parityShards: 2, shardLengthBytes: GROUP });
    expect(first.shards).toEqual(packs[0]!.shards.map((shard) => ({ ...shard, lost: false })));
    expect(located.nodes.map(({ nodeId }) => nodeId).sort()).toEqual(upload.holders.map(({ nodeId }) => nodeId).sort());
    const granted = openMessage(grant, mediator.context, located.nodes[0]!.grant);
    expect(granted).toMatchObject({
      verb: 'get',
      clientId: client.clientId,
      holder: client.clientId,
      nodeId: located.nodes[0]!.nodeId,
      uploadId: ZERO_16,
    });
    expect(granted.quotaBytes).toBeGreaterThanOrEqual(2 * GROUP);

    const path = { params: { path: { vaultId: upload.vaultId } } };
    const listed = await unwrap(client.api.GET('/v1/vaults/{vaultId}/packs', path));
    expect(listed.packIds).toEqual([...packIds].sort());
    const page = { params: { path: { vaultId: upload.vaultId }, query: { after: listed.packIds[0]!, limit: 5 } } };
    expect((await unwrap(client.api.GET('/v1/vaults/{vaultId}/packs', page))).packIds).toEqual([listed.packIds[1]]);

    const drop = signDrop(mediator, client, upload.vaultId, [packIds[0]!, freshId()]);
    const dropOnce = () => unwrap(client.api.POST('/v1/vaults/{vaultId}/packs/drop', { ...path, body: { drop } }));
    expect(await dropOnce()).toEqual({ dropped: [packIds[0]] });
    expect(await dropOnce()).toEqual({ dropped: [packIds[0]] });
    expect(await vaultOf(upload.vaultId)).toMatchObject({ packCount: 1, storedBytes: 4 * GROUP });
    expect((await locate(upload.vaultId, packIds)).packs.map(({ packId }) => packId)).toEqual([packIds[1]]);
    await expect(commitPacks(client, upload, [packs[0]!])).rejects.toThrow(failure('pack.conflict'));

    for (const [shardIndex, node] of upload.holders.entries()) {
      const orders = (await node.heartbeat()).slice(-2);
      expect(orders).toMatchObject([
        {
          kind: 'committed',
          clientId: client.clientId,
          shards: packIds.map((packId) => [packId, shardIndex]),
        },
        { kind: 'delete', clientId: client.clientId, shards: [[packIds[0], shardIndex]] },
      ]);
      expect(orders[1]!.order).toBe(orders[0]!.order + 1);
      expect(await node.heartbeat(orders[1]!.order)).toEqual([]);
    }
  });

  test('whoever reads under keys made for it gets grants for those, one a node; keys of others are refused', async () => {
    const upload = await openTestUpload(client, nodes);
    const pack = makePack(mediator, client, upload);
    await commitPacks(client, upload, [pack]);
    const locateWith = (token: string) =>
      unwrap(
        client.api.POST('/v1/vaults/{vaultId}/packs/locate', {
          params: { path: { vaultId: upload.vaultId } },
          body: { packIds: [pack.packId], readKeys: token },
        }),
      );
    const sign = (keys: string[], by = client.key) =>
      signMessage(
        readKeys,
        mediator.context,
        { clientId: toHex(by.publicKey), keys, signedAtMs: mediator.clock.nowMs() },
        by,
      );
    const keys = [freshId(), freshId(), freshId()];
    const located = await locateWith(sign(keys));
    const granted = located.nodes.map((node) => openMessage(grant, mediator.context, node.grant));
    expect(granted.map(({ holder }) => holder)).toEqual([...keys, keys[0]]);
    expect(granted.map(({ nodeId }) => nodeId)).toEqual(located.nodes.map(({ nodeId }) => nodeId));
    expect(new Set(granted.map(({ clientId, quotaBytes }) => `${clientId} ${quotaBytes}`)).size).toBe(1);
    await expect(locateWith(sign([]))).rejects.toThrow(failure('message.malformed'));
    const stranger = createSigningKey(new Uint8Array(32).fill(77));
    await expect(locateWith(sign(keys, stranger))).rejects.toThrow(failure('auth.not-yours'));
  });

  test('a commit that comes twice, also at once, and after the upload was closed, changes nothing', async () => {
    const upload = await openTestUpload(client, nodes);
    const packs = [makePack(mediator, client, upload), makePack(mediator, client, upload)];
    const both = await Promise.all([commitPacks(client, upload, packs), commitPacks(client, upload, packs)]);
    expect(both[0]).toEqual(both[1]);
    await unwrap(
      client.api.DELETE('/v1/vaults/{vaultId}/uploads/{uploadId}', {
        params: { path: { vaultId: upload.vaultId, uploadId: upload.uploadId } },
      }),
    );
    await commitPacks(client, upload, packs);
    expect(await vaultOf(upload.vaultId)).toMatchObject({ packCount: 2, storedBytes: 8 * GROUP });
  });

  test('the same pack id with other contents is refused, and nothing of that commit is kept', async () => {
    const upload = await openTestUpload(client, nodes);
    const pack = makePack(mediator, client, upload);
    await commitPacks(client, upload, [pack]);
    const other = makePack(mediator, client, upload);
    const forged = makePack(mediator, client, upload, { packId: pack.packId });
    await expect(commitPacks(client, upload, [other, forged])).rejects.toThrow(failure('pack.conflict'));
    expect((await locate(upload.vaultId, [other.packId])).packs).toEqual([]);
    expect(await vaultOf(upload.vaultId)).toMatchObject({ packCount: 1 });
  });
});

describe('the head of a vault', () => {
  test('moves by compare-and-swap, never back, and one of two wins', async () => {
    const { vaultId } = await openTestUpload(client, nodes);
    const path = { params: { path: { vaultId } } };
    const put = (head: string) => unwrap(client.api.PUT('/v1/vaults/{vaultId}/head', { ...path, body: { head } }));
    const get = () => unwrap(client.api.GET('/v1/vaults/{vaultId}/head', path));
    await expect(get()).rejects.toThrow(failure('head.missing'));
    const first = signHead(mediator, client, vaultId, { sequence: 1 });
    await expect(put(signHead(mediator, client, vaultId, { sequence: 2 }))).rejects.toThrow(failure('head.conflict'));
    await put(first);
    await put(first);
    expect(await get()).toEqual({ head: first });
    const next = (text: string) =>
      signHead(mediator, client, vaultId, { sequence: 2, previousHash: messageHash(first), text });
    const race = await Promise.allSettled(['a', 'b', 'c', 'd', 'e'].map((text) => put(next(text))));
    expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const outcome of race)
      if (outcome.status === 'rejected') expect(outcome.reason).toEqual(failure('head.conflict'));
    await expect(put(first)).rejects.toThrow(failure('head.conflict'));
    await expect(put(signHead(mediator, client, vaultId, { sequence: 1, text: 'x' }))).rejects.toThrow(
      failure('head.conflict'),
    );
    expect(await vaultOf(vaultId)).toMatchObject({ headSequence: 2 });
  });

  test('is refused when another client or vault signed it', async () => {
    const { vaultId } = await openTestUpload(client, nodes);
    const stranger = await mediator.client();
    const put = (head: string) =>
      unwrap(client.api.PUT('/v1/vaults/{vaultId}/head', { params: { path: { vaultId } }, body: { head } }));
    const foreign = signHead(mediator, stranger, vaultId, { sequence: 1 });
    await expect(put(foreign)).rejects.toThrow(failure('auth.not-yours'));
    await expect(put(signHead(mediator, client, freshId(16), { sequence: 1 }))).rejects.toThrow(
      failure('auth.not-yours'),
    );
  });
});

test('an upload reserves space, and gives back what it did not use', async () => {
  const upload = await openTestUpload(client, nodes, { bytes: 20 * GROUP });
  const [node] = upload.holders;
  const before = await reservedAt(node!);
  await commitPacks(client, upload, [makePack(mediator, client, upload)]);
  expect(await reservedAt(node!)).toBe(before);
  const path = { params: { path: { vaultId: upload.vaultId, uploadId: upload.uploadId } } };
  await unwrap(client.api.DELETE('/v1/vaults/{vaultId}/uploads/{uploadId}', path));
  expect(await reservedAt(node!)).toBe(before - 9 * GROUP);
  await unwrap(client.api.DELETE('/v1/vaults/{vaultId}/uploads/{uploadId}', path));
  expect(await reservedAt(node!)).toBe(before - 9 * GROUP);
});

test('a client opens as many vaults as anybody needs, not more', async () => {
  const stranger = await mediator.client('one who wants all');
  const open = (vaultId: string) =>
    unwrap(
      stranger.api.POST('/v1/vaults', { body: { vaultId, terms: { policy: { dataShards: 1, parityShards: 1 } } } }),
    );
  const ids = Array.from({ length: 64 }, () => freshId(16));
  for (const vaultId of ids) await open(vaultId);
  await expect(open(freshId(16))).rejects.toThrow(failure('vault.too-many'));
  // One that is there is answered all the same.
  expect(await open(ids[0]!)).toMatchObject({ vaultId: ids[0] });
});
