import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  commitPacks,
  freshId,
  GROUP,
  makePack,
  openTestUpload,
  startTestMediator,
  type PackChanges,
  type TestClient,
  type TestMediator,
  type TestNode,
  type TestUpload,
} from '../testing/test-mediator.ts';

let mediator: TestMediator;
let nodes: TestNode[];
let client: TestClient;
let upload: TestUpload;

beforeAll(async () => {
  mediator = await startTestMediator();
  nodes = await mediator.nodes(5);
  client = await mediator.client();
  upload = await openTestUpload(client, nodes);
});
afterAll(() => mediator.close());

const failure = (code: string, detail = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(detail) });
const commitChanged = (changes: PackChanges) =>
  commitPacks(client, upload, [makePack(mediator, client, upload, changes)]);
const receiptWith = (change: {
  root?: string;
  lengthBytes?: number;
  packId?: string;
  clientId?: string;
  shardIndex?: number;
  uploadId?: string;
}) =>
  ({
    receiptOf: (shardIndex, token, node) =>
      shardIndex === 1
        ? node.receipt({
            clientId: client.clientId,
            uploadId: upload.uploadId,
            packId: freshId(),
            shardIndex,
            root: freshId(),
            ...change,
          })
        : token,
  }) satisfies PackChanges;

describe('a commit is refused', () => {
  test('when the mask key is not the one signed for', async () => {
    await expect(commitChanged({ maskKey: freshId() })).rejects.toThrow(failure('pack.bad-commit', 'mask key'));
  });

  test('when its policy is not the vault’s', async () => {
    const shards = upload.holders.slice(0, 2).map(({ nodeId }) => ({ nodeId, root: freshId() }));
    const commit = { dataShards: 1, parityShards: 1, shards };
    await expect(commitChanged({ commit })).rejects.toThrow(failure('pack.bad-commit', '1+1 is not the vault’s 2+2'));
  });

  test('when it names more or fewer shards than its policy', async () => {
    const shards = upload.holders.slice(0, 3).map(({ nodeId }) => ({ nodeId, root: freshId() }));
    await expect(commitChanged({ commit: { shards } })).rejects.toThrow(failure('pack.bad-commit', '3 shards'));
  });

  test('when two shards are at one node', async () => {
    const twice = [0, 1, 2, 2].map((at) => ({ nodeId: upload.holders[at]!.nodeId, root: freshId() }));
    await expect(commitChanged({ commit: { shards: twice } })).rejects.toThrow(
      failure('pack.bad-commit', 'at one node'),
    );
  });

  test('when a node is not one of the upload’s', async () => {
    const outsider = nodes.find(({ nodeId }) => !upload.holders.some((holder) => holder.nodeId === nodeId))!;
    const other = { ...upload, holders: [...upload.holders.slice(0, 3), outsider] };
    const pack = makePack(mediator, client, other);
    await expect(commitPacks(client, upload, [pack])).rejects.toThrow(failure('pack.bad-commit', outsider.nodeId));
  });

  test.each([0, 1, GROUP - 1, GROUP + 1, 2 ** 40])('when a shard has %i bytes', async (lengthBytes) => {
    await expect(commitChanged({ lengthBytes })).rejects.toThrow(failure('pack.bad-commit', 'not allowed'));
  });

  test('when another client or vault is named, or another key signed it', async () => {
    const stranger = await mediator.client();
    const { clientId, key } = stranger;
    await expect(commitChanged({ commit: { clientId }, signer: key })).rejects.toThrow(failure('pack.bad-commit'));
    await expect(commitChanged({ commit: { vaultId: freshId(16) } })).rejects.toThrow(failure('pack.bad-commit'));
    await expect(commitChanged({ signer: key })).rejects.toThrow(failure('message.bad-signature'));
  });

  test('when a receipt says another root, length or upload', async () => {
    const pack = makePack(mediator, client, upload);
    const { root } = pack.shards[1]!;
    const { packId } = pack;
    const commitWith = (receiptToken: string) => {
      const receipts = pack.offered.receipts.with(1, receiptToken);
      return commitPacks(client, upload, [{ offered: { ...pack.offered, receipts } }]);
    };
    const shard = { clientId: client.clientId, uploadId: upload.uploadId, packId, shardIndex: 1, root };
    const node = upload.holders[1]!;
    await expect(commitWith(node.receipt({ ...shard, root: freshId() }))).rejects.toThrow(
      failure('receipt.mismatch', 'The root'),
    );
    await expect(commitWith(node.receipt({ ...shard, lengthBytes: 2 * GROUP }))).rejects.toThrow(
      failure('receipt.mismatch', 'The length'),
    );
    await expect(commitWith(node.receipt({ ...shard, uploadId: freshId(16) }))).rejects.toThrow(
      failure('receipt.mismatch', 'The upload'),
    );
    await expect(commitWith(node.receipt({ ...shard, shardIndex: 2 }))).rejects.toThrow(failure('receipt.wrong-shard'));
    await expect(commitWith(upload.holders[2]!.receipt(shard))).rejects.toThrow(failure('receipt.wrong-shard'));
    await commitWith(node.receipt(shard));
  });

  test('when a receipt is of another pack, or signed by nobody', async () => {
    await expect(commitChanged(receiptWith({}))).rejects.toThrow(failure('receipt.wrong-shard'));
    const forge = { receiptOf: (_: number, token: string) => `${token.slice(0, -4)}AAAA` };
    await expect(commitChanged(forge)).rejects.toThrow(failure('message.bad-signature'));
  });

  test('when receipts are missing', async () => {
    const pack = makePack(mediator, client, upload);
    const receipts = pack.offered.receipts.slice(0, 3);
    await expect(commitPacks(client, upload, [{ offered: { ...pack.offered, receipts } }])).rejects.toThrow(
      failure('pack.bad-commit', '3 receipts'),
    );
  });

  test('when one pack stands in it twice', async () => {
    const pack = makePack(mediator, client, upload);
    await expect(commitPacks(client, upload, [pack, pack])).rejects.toThrow(failure('pack.bad-commit', 'twice'));
  });

  test('when the upload is unknown, or another vault’s', async () => {
    const unknown = { ...upload, uploadId: freshId(16) };
    await expect(commitPacks(client, unknown, [makePack(mediator, client, unknown)])).rejects.toThrow(
      failure('upload.unknown'),
    );
    const elsewhere = await openTestUpload(client, nodes);
    const mixed = { ...elsewhere, uploadId: upload.uploadId };
    await expect(commitPacks(client, mixed, [makePack(mediator, client, mixed)])).rejects.toThrow(
      failure('upload.unknown'),
    );
  });

  test('when it is more than the upload was opened for, however it is cut', async () => {
    const small = await openTestUpload(client, nodes, { bytes: 4 * GROUP });
    const packs = [1, 2, 3].map(() => makePack(mediator, client, small));
    await expect(commitPacks(client, small, packs)).rejects.toThrow(failure('upload.quota-exceeded'));
    await commitPacks(client, small, packs.slice(0, 2));
    await expect(commitPacks(client, small, packs)).rejects.toThrow(failure('upload.quota-exceeded'));
  });
});

test('parallel commits to one upload never pass its quota', async () => {
  const small = await openTestUpload(client, nodes, { bytes: 8 * GROUP });
  const packs = Array.from({ length: 10 }, () => makePack(mediator, client, small));
  const outcomes = await Promise.allSettled(packs.map((pack) => commitPacks(client, small, [pack])));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(4);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toEqual(failure('upload.quota-exceeded'));
  }
});

test('orders reach a node without a gap while commits and drops race', async () => {
  const clients = await Promise.all([1, 2, 3].map(() => mediator.client()));
  const uploads = await Promise.all(clients.map((one) => openTestUpload(one, nodes)));
  const [node] = nodes;
  const seen: number[] = [];
  let cursor = 0;
  let isDone = false;
  const poll = (async () => {
    for (let last = false; !last;) {
      last = isDone;
      for (const { order } of await node!.heartbeat(cursor)) {
        seen.push(order);
        cursor = order;
      }
    }
  })();
  await Promise.all(
    uploads.flatMap((one, at) =>
      Array.from({ length: 8 }, () => commitPacks(clients[at]!, one, [makePack(mediator, clients[at]!, one)])),
    ),
  );
  isDone = true;
  await poll;
  expect(seen).toEqual(Array.from({ length: seen.length }, (_, at) => at + 1));
  const holdsAny = uploads.filter(({ holders }) => holders.includes(node!)).length;
  expect(seen.length).toBeGreaterThanOrEqual(8 * holdsAny);
});

test('a full batch of 64 packs is committed at once', async () => {
  const large = await openTestUpload(client, nodes, { bytes: 64 * 2 * GROUP });
  const packs = Array.from({ length: 64 }, () => makePack(mediator, client, large));
  const { committed } = await commitPacks(client, large, packs);
  expect(committed).toEqual(packs.map(({ packId }) => packId));
});
