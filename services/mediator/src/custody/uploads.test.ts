import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { unwrap } from '@holdfast/http-api';
import { grant, openMessage } from '@holdfast/protocol';
import {
  commitPacks,
  freshId,
  GROUP,
  holdDatabaseServer,
  makePack,
  openTestUpload,
  startTestMediator,
  type TestClient,
  type TestMediator,
  type TestNode,
  type TestUpload,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
let nodes: TestNode[];
let client: TestClient;
const HOUR_MS = 3_600_000;

let release: () => Promise<void>;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());

beforeEach(async () => {
  mediator = await startTestMediator({ maxOpenUploads: 1000 });
  client = await mediator.client();
});
afterEach(() => mediator.close());

const failure = (code: string, detail = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(detail) });
const shown = (nodeId: string) => unwrap(mediator.api.GET('/v1/nodes/{nodeId}', { params: { path: { nodeId } } }));
const openIn = (vaultId: string, bytes: number, avoidNodes: string[] = []) =>
  unwrap(
    client.api.POST('/v1/vaults/{vaultId}/uploads', { params: { path: { vaultId } }, body: { bytes, avoidNodes } }),
  );
async function makeVault(dataShards: number): Promise<string> {
  const vaultId = freshId(16);
  const terms = { policy: { dataShards, parityShards: dataShards } };
  await client.newVault(vaultId, terms);
  return vaultId;
}
/** Keeps nodes and session alive while hours pass. */
async function passHours(hours: number): Promise<void> {
  await mediator.clock.advance(hours * HOUR_MS);
  client = await mediator.client('the same client');
  for (const node of nodes) await node.heartbeat();
}

test('an upload comes with grants that say exactly what may be written', async () => {
  nodes = await mediator.nodes(3);
  const vaultId = await makeVault(1);
  const upload = await openIn(vaultId, 10 * GROUP + 1);
  expect(upload).toMatchObject({ quotaBytesPerNode: 11 * GROUP, expiresAtMs: mediator.clock.nowMs() + 6 * HOUR_MS });
  expect(upload.nodes).toHaveLength(2);
  for (const node of upload.nodes) {
    expect(openMessage(grant, mediator.context, node.grant)).toEqual({
      verb: 'put',
      clientId: client.clientId,
      holder: client.clientId,
      nodeId: node.nodeId,
      uploadId: upload.uploadId,
      packIds: [],
      quotaBytes: 11 * GROUP,
      issuedAtMs: mediator.clock.nowMs(),
      expiresAtMs: upload.expiresAtMs,
    });
  }
});

test('parallel uploads never reserve more than the nodes have', async () => {
  nodes = await mediator.nodes(2, { capacityBytes: 10 * GROUP });
  const vaultIds = await Promise.all(Array.from({ length: 8 }, () => makeVault(1)));
  const outcomes = await Promise.allSettled(
    vaultIds.flatMap((vaultId) => [openIn(vaultId, 2 * GROUP), openIn(vaultId, 2 * GROUP)]),
  );
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(5);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toEqual(failure('policy.too-few-nodes'));
  }
  for (const { nodeId } of nodes) expect((await shown(nodeId)).freeBytes).toBe(0);
});

test('a full node is passed over, and what the node itself reports counts', async () => {
  nodes = [
    await mediator.node({ price: 1n, capacityBytes: GROUP }),
    await mediator.node({ price: 2n }),
    ...(await mediator.nodes(2, { price: 9n })),
  ];
  const vaultId = await makeVault(1);
  const chosen = async (): Promise<string[]> => (await openIn(vaultId, 2 * GROUP)).nodes.map(({ nodeId }) => nodeId);
  expect(await chosen()).not.toContain(nodes[0]!.nodeId);
  expect(await chosen()).toContain(nodes[1]!.nodeId);
  await nodes[1]!.heartbeat(0, GROUP);
  expect(await chosen()).not.toContain(nodes[1]!.nodeId);
});

test('nodes that just failed are avoided where others will do', async () => {
  nodes = await mediator.nodes(3);
  const vaultId = await makeVault(1);
  const first = await openIn(vaultId, GROUP);
  const failed = first.nodes[0]!.nodeId;
  const second = await openIn(vaultId, GROUP, [failed]);
  expect(second.nodes.map(({ nodeId }) => nodeId)).not.toContain(failed);
  const all = await openIn(
    vaultId,
    GROUP,
    nodes.map(({ nodeId }) => nodeId),
  );
  expect(all.nodes).toHaveLength(2);
});

test('too few nodes is said with numbers, and an offline node is none', async () => {
  nodes = await mediator.nodes(2);
  const vaultId = await makeVault(1);
  await mediator.clock.advance(200_000);
  client = await mediator.client();
  await expect(openIn(vaultId, GROUP)).rejects.toThrow(failure('vault.unknown'));
  const own = freshId(16);
  const create = () => client.newVault(own, {});
  await expect(create()).rejects.toThrow(failure('market.no-offer'));
  await nodes[0]!.heartbeat();
  await expect(create()).rejects.toThrow(failure('policy.too-few-nodes', '2 independent nodes are needed'));
  await nodes[1]!.heartbeat();
  expect(await create()).toMatchObject({ policy: { dataShards: 1, parityShards: 1 }, warning: expect.any(String) });
  await mediator.clock.advance(200_000);
  await expect(openIn(own, GROUP)).rejects.toThrow(failure('policy.too-few-nodes', '0 are on offer'));
  const vault = await unwrap(client.api.GET('/v1/vaults/{vaultId}', { params: { path: { vaultId: own } } }));
  expect(vault.warning).toContain('0 are on offer');
});

test('one operator gets one shard of a pack', async () => {
  nodes = await mediator.nodes(3, { operator: 'the same' });
  nodes.push(await mediator.node({ operator: 'another', price: 5000n }));
  const vaultId = await makeVault(1);
  const { nodes: chosen } = await openIn(vaultId, GROUP);
  expect(chosen.map(({ operator }) => operator).sort()).toEqual(['another', 'the same']);
});

describe('when an upload’s time is over', () => {
  let upload: TestUpload;
  beforeEach(async () => {
    nodes = await mediator.nodes(2);
    client = await mediator.client('the same client');
    upload = await openTestUpload(client, nodes, { dataShards: 1, bytes: 10 * GROUP });
  });

  test('what was written in time can be committed for a while, then no more; the space is given back', async () => {
    const [node] = upload.holders;
    await passHours(6.1);
    await mediator.mediator.runJobs();
    expect((await shown(node!.nodeId)).freeBytes).toBe(1e12 - 10 * GROUP);
    await commitPacks(client, upload, [makePack(mediator, client, upload)]);
    await passHours(0.3);
    await mediator.mediator.runJobs();
    expect((await shown(node!.nodeId)).freeBytes).toBe(1e12 - GROUP);
    const late = commitPacks(client, upload, [makePack(mediator, client, upload)]);
    await expect(late).rejects.toThrow(failure('upload.expired'));
  });

  test('the nodes are told to discard what was never committed, once, and only after the grace', async () => {
    await commitPacks(client, upload, [makePack(mediator, client, upload)]);
    const [node] = upload.holders;
    await passHours(29.9);
    await mediator.mediator.runJobs();
    expect((await node!.heartbeat()).map(({ kind }) => kind)).toEqual(['committed']);
    await passHours(0.2);
    await Promise.all([mediator.mediator.runJobs(), mediator.mediator.runJobs()]);
    const orders = await node!.heartbeat();
    expect(orders.map(({ kind }) => kind)).toEqual(['committed', 'discard-upload']);
    expect(orders[1]).toMatchObject({ uploadId: upload.uploadId });
    expect(orders[1]).not.toHaveProperty('shards');
    // As long as one of them may have been missed, both are told again.
    expect(await node!.heartbeat(1)).toHaveLength(1);
    await mediator.mediator.runJobs();
    expect(await node!.heartbeat(0)).toHaveLength(2);
    await node!.heartbeat(2);
    await mediator.mediator.runJobs();
    expect(await node!.heartbeat(0)).toEqual([]);
  });

  test('a closed upload still takes a late commit where there is room, and is discarded at its time', async () => {
    const path = { params: { path: { vaultId: upload.vaultId, uploadId: upload.uploadId } } };
    await unwrap(client.api.DELETE('/v1/vaults/{vaultId}/uploads/{uploadId}', path));
    const pack = makePack(mediator, client, upload);
    await commitPacks(client, upload, [pack]);
    expect((await shown(upload.holders[0]!.nodeId)).freeBytes).toBe(1e12 - GROUP);
    await nodes[0]!.register({ capacityBytes: GROUP });
    await expect(commitPacks(client, upload, [makePack(mediator, client, upload)])).rejects.toThrow(
      failure('node.full'),
    );
    await passHours(31);
    await mediator.mediator.runJobs();
    expect((await upload.holders[0]!.heartbeat()).at(-1)).toMatchObject({ kind: 'discard-upload' });
    await expect(commitPacks(client, upload, [makePack(mediator, client, upload)])).rejects.toThrow(
      failure('upload.expired'),
    );
    await commitPacks(client, upload, [pack]);
  });
});

test('the uploads of a client that was killed do not keep space from its next ones', async () => {
  await mediator.close();
  mediator = await startTestMediator({ maxOpenUploads: 2 });
  client = await mediator.client();
  nodes = await mediator.nodes(2, { capacityBytes: 10 * GROUP });
  const vaultId = await makeVault(1);
  for (let run = 0; run < 6; run += 1) {
    await mediator.clock.advance(1);
    await openIn(vaultId, 4 * GROUP);
    expect((await shown(nodes[0]!.nodeId)).freeBytes).toBeGreaterThanOrEqual(2 * GROUP);
  }
});

test('where space is short, an idle upload of the same vault is given up; one at work is not', async () => {
  nodes = await mediator.nodes(2, { capacityBytes: 10 * GROUP });
  const vaultId = await makeVault(1);
  await openIn(vaultId, 8 * GROUP);
  await expect(openIn(vaultId, 8 * GROUP)).rejects.toThrow(failure('policy.too-few-nodes'));
  await mediator.clock.advance(600_001);
  for (const node of nodes) await node.heartbeat();
  await openIn(vaultId, 8 * GROUP);
  const stranger = await makeVault(1);
  await mediator.clock.advance(600_001);
  for (const node of nodes) await node.heartbeat();
  await expect(openIn(stranger, 8 * GROUP)).rejects.toThrow(failure('policy.too-few-nodes'));
});
