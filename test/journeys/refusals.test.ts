/**
 * Whatever is refused, is refused with a code of the catalogue and sentences that say what happened and what to do next, and nothing
 * is lost by it: what was backed up before comes back afterwards, and nothing stays on the nodes that nobody accounts for.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { backup, meetMediator, type NodeTarget, type OpenClient, type Upload } from '@holdfast/client';
import { shardTree } from '@holdfast/codec';
import { createSeededRandomness, createSilentLogger, PlatformError, systemClock } from '@holdfast/platform';
import {
  CATALOGUE,
  grant,
  HEADERS,
  HoldfastError,
  messageHash,
  openMessage,
  packCommit,
  shardPath,
  signedRequest,
  signMessage,
  toHex,
} from '@holdfast/protocol';
import { startStorageNode } from '@holdfast/storage-node';
import { compareTrees } from '@holdfast/testkit';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Network, type NetworkOptions, startNetwork } from '../network.ts';
import { committedShards, queryDatabase, shardLines, shardLinesOnDisk, shardsOnDisk } from '../node-disks.ts';

const LONG_MS = 300_000;
const NODE_COUNT = 6;
const GROUP_BYTES = 65_536;
const MiB = 1024 * 1024;
const FULL_NODE_BYTES = 3 * MiB;
const CAPACITY_BYTES = 60_000_000;

const random = createSeededRandomness('refusals');
const mediatorOptions: NonNullable<NetworkOptions['mediator']> & { subnetRule: 'public' | 'local' } = {
  subnetRule: 'local',
};
let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({
    nodeCount: NODE_COUNT,
    mediator: mediatorOptions,
    capacityBytes: CAPACITY_BYTES,
    // The second node is in the network of the first; the last two have one operator.
    node: (index) => ({
      ...(index === 1 && { listen: { host: '127.0.1.2', port: network?.nodes[1] === undefined ? 0 : portOf(1) } }),
      ...(index >= 4 && { operator: 'ada lovelace' }),
    }),
  });
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  mkdirSync(source);
  writeFileSync(join(source, 'kept'), random.bytes(MiB));
  await client.backup([source]);
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

const portOf = (index: number): number => Number(network.nodes[index]!.address.split(':').at(-1));

/** @returns what was refused: its code stands in the catalogue, and people can read it. */
async function refusalOf(work: Promise<unknown>): Promise<HoldfastError> {
  const outcome = await work.then(
    () => 'it was not refused',
    (error: unknown) => error,
  );
  expect(outcome).toBeInstanceOf(HoldfastError);
  const refusal = outcome as HoldfastError;
  expect(Object.keys(CATALOGUE)).toContain(refusal.code);
  expect(refusal.message).toMatch(/^\S.+\w/);
  expect(refusal.next).toMatch(/^[A-Z].+\.$/);
  expect(refusal.exitCode).toBeGreaterThan(1);
  return refusal;
}

async function nothingIsLost(): Promise<void> {
  const target = join(scratch.path, 'restored');
  expect(await client.restore(target)).toMatchObject({ notRestored: [], faults: [] });
  expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
  rmSync(target, { recursive: true });
}

const newClient = (name: string, terms: NonNullable<Parameters<typeof createTestClient>[1]['terms']> = {}) =>
  createTestClient(network, { home: join(scratch.path, name), terms });

interface Shard {
  readonly packId: string;
  readonly shardIndex: number;
  readonly uploadId: string;
  readonly root: string;
  readonly body: Uint8Array;
}

function makeShard(uploadId: string, lengthBytes = GROUP_BYTES): Shard {
  const body = random.bytes(lengthBytes);
  return { packId: toHex(random.bytes(32)), shardIndex: 0, uploadId, root: toHex(shardTree(body).root), body };
}

const withUpload = <T>(sizeBytes: number, work: (vault: OpenClient, upload: Upload) => Promise<T>): Promise<T> =>
  client.use(async (vault) => {
    const upload = await vault.mediator.openUpload(sizeBytes);
    const outcome = await work(vault, upload);
    await vault.mediator.closeUpload(upload.uploadId);
    return outcome;
  });

describe('too few independent nodes', () => {
  test('a policy that needs more than there are, or less than twofold redundancy, opens no vault', async () => {
    const tooMany = await refusalOf(newClient('too many', { policy: { dataShards: 4, parityShards: 4 } }));
    expect(tooMany).toMatchObject({ code: 'policy.too-few-nodes', exitCode: 5 });
    // Of six nodes, two have one operator.
    expect(tooMany.message).toMatch(
      /^8 independent nodes are needed for 4\+4 at 2x redundancy or more.* 5 are on offer/,
    );
    const tooWeak = await refusalOf(newClient('too weak', { policy: { dataShards: 3, parityShards: 2 } }));
    expect(tooWeak).toMatchObject({ code: 'policy.redundancy-too-low', exitCode: 5 });
    // Nothing stands in the way of the next try.
    await newClient('too many', { policy: { dataShards: 2, parityShards: 2 } });
  });

  test('a price cap or a region that leaves too few says so', async () => {
    const capped = await refusalOf(
      newClient('capped', { maxPriceSatPerTbMonth: '1000', policy: { dataShards: 2, parityShards: 2 } }),
    );
    expect(capped).toMatchObject({ code: 'policy.too-few-nodes', params: { needed: '4', available: '2' } });
    const elsewhere = await refusalOf(newClient('elsewhere', { regions: ['the moon'] }));
    expect(elsewhere.exitCode).toBe(5);
  });

  test(
    'where the subnet rule is on, two nodes of one /24 count once, as two of one operator do',
    async () => {
      mediatorOptions.subnetRule = 'public';
      await network.restartMediator();
      const quote = await client.use(({ mediator }) =>
        mediator.quote(MiB, { policy: { dataShards: 2, parityShards: 2 } }),
      );
      const reasons = Object.fromEntries(quote.refused.map(({ nodeId, reason }) => [nodeId, reason]));
      expect(reasons).toEqual({
        [network.nodes[1]!.nodeId]: 'same-subnet',
        [network.nodes[5]!.nodeId]: 'same-operator',
      });
      for (const { sentence } of quote.refused) expect(sentence).toMatch(/^\S.+\.$/);
      const refusal = await refusalOf(
        client.use(({ mediator }) => mediator.quote(MiB, { policy: { dataShards: 3, parityShards: 3 } })),
      );
      expect(refusal).toMatchObject({ code: 'policy.too-few-nodes', params: { needed: '6', available: '4' } });
      // And there, no address of a machine or site is let in.
      const stranger = startStorageNode({
        ...network.nodeOptions(0),
        dataDir: join(scratch.path, 'node'),
        listen: { host: '127.0.9.1', port: 0 },
      });
      expect(await refusalOf(stranger)).toMatchObject({ code: 'node.public-address' });
      mediatorOptions.subnetRule = 'local';
      await network.restartMediator();
      await network.visitAll();
    },
    LONG_MS,
  );
});

describe('a full node', () => {
  test(
    'that the mediator believed to have room is replaced by another one, and the backup completes',
    async () => {
      // It has less room than it signed for: what the mediator believes is made to differ from what it will find.
      const [full] = network.nodes;
      await network.stopNode(0);
      network.nodes[0] = await startStorageNode({
        ...network.nodeOptions(0),
        capacityBytes: FULL_NODE_BYTES,
        heartbeatMs: 600_000,
      });
      // Afterwards it says nothing of itself for a while.
      await network.nodes[0].heartbeatNow();
      await queryDatabase(
        network.mediator.databaseUrl,
        `UPDATE nodes SET capacity_bytes = ${CAPACITY_BYTES}, reported_free_bytes = NULL WHERE node_id = '\\x${full!.nodeId}'`,
      );
      network.clock.shiftHours(0.01);
      await Promise.all(network.nodes.slice(1).map((node) => node.heartbeatNow()));

      writeFileSync(join(source, 'larger'), random.bytes(24 * MiB));
      const report = await client.backup([source]);
      expect(report.failedNodes).toEqual([
        { nodeId: full!.nodeId, detail: expect.stringMatching(/^The node has \d+ bytes left, \d+ are needed\.$/) },
      ]);
      await nothingIsLost();
      await network.nodes[0].stop();
      await network.restartNode(0);
    },
    LONG_MS,
  );

  test(
    'and where all are: the backup is refused, and what is smaller goes on',
    async () => {
      const before = shardLinesOnDisk(network.nodes);
      const path = join(source, 'too large');
      writeFileSync(path, random.bytes(140 * MiB));
      const refusal = await refusalOf(client.backup([source]));
      expect(refusal).toMatchObject({ code: 'policy.too-few-nodes', exitCode: 5 });
      rmSync(path);
      // Packs that found room before that are committed, and used by whatever comes next.
      expect(shardLinesOnDisk(network.nodes).length).toBeGreaterThanOrEqual(before.length);
      await client.backup([source]);
      await nothingIsLost();
    },
    LONG_MS,
  );
});

describe('a lying size', () => {
  test('a node takes no more than the grant allows, and nothing but what was signed for', async () => {
    await withUpload(1, async (vault, upload) => {
      const target = upload.nodes[0]!;
      const most = makeShard(upload.uploadId, upload.quotaBytesPerNode);
      await vault.nodes.putShard(target, most);
      const more = await refusalOf(vault.nodes.putShard(target, makeShard(upload.uploadId)));
      expect(more).toMatchObject({ code: 'grant.quota-exceeded' });
      const odd = await refusalOf(vault.nodes.putShard(upload.nodes[1]!, { ...most, body: most.body.subarray(1) }));
      expect(odd).toMatchObject({ code: 'shard.length-not-allowed' });
      const other = await refusalOf(
        vault.nodes.putShard(upload.nodes[1]!, { ...makeShard(upload.uploadId), root: most.root }),
      );
      expect(other).toMatchObject({ code: 'shard.root-mismatch' });
    });
  });

  test('a request that was signed for fewer bytes than it brings is refused', async () => {
    await withUpload(MiB, async (vault, upload) => {
      const shard = makeShard(upload.uploadId, 2 * GROUP_BYTES);
      expect(await putSigned(vault, upload.nodes[0]!, shard, { contentLength: GROUP_BYTES })).toMatchObject({
        status: 401,
        code: 'request.mismatch',
      });
    });
  });

  test('a commit that says another length or root than the receipts is refused, whole', async () => {
    await withUpload(MiB, async (vault, upload) => {
      const shards = upload.nodes.map((_, shardIndex) => ({ ...makeShard(upload.uploadId), shardIndex }));
      const packId = shards[0]!.packId;
      const receipts = await Promise.all(
        upload.nodes.map((node, index) => vault.nodes.putShard(node, { ...shards[index]!, packId })),
      );
      const maskKey = random.bytes(32);
      const commit = (change: { lengthBytes?: number; root?: string }): Promise<void> =>
        vault.mediator.commitPacks(upload.uploadId, [
          {
            maskKey: toHex(maskKey),
            receipts,
            commit: signMessage(
              packCommit,
              vault.signing,
              {
                clientId: vault.clientId,
                vaultId: vault.vaultId,
                packId,
                ...upload.policy,
                shardLengthBytes: change.lengthBytes ?? GROUP_BYTES,
                maskKeyHash: createHash('sha256').update(maskKey).digest('hex'),
                shards: upload.nodes.map(({ nodeId }, index) => ({ nodeId, root: change.root ?? shards[index]!.root })),
              },
              vault.signingKey,
            ),
          },
        ]);
      const longer = await refusalOf(commit({ lengthBytes: 4 * GROUP_BYTES }));
      expect(longer).toMatchObject({ code: 'receipt.mismatch', params: { field: 'length' } });
      const other = await refusalOf(commit({ root: 'ab'.repeat(32) }));
      expect(other).toMatchObject({ code: 'receipt.mismatch', params: { field: 'root' } });
      const known = await committedShards(network.mediator.databaseUrl);
      expect(known.filter((shard) => shard.packId === packId)).toEqual([]);
    });
  });
});

/** A PUT whose signed request says something else than what is sent. */
async function putSigned(
  vault: OpenClient,
  target: NodeTarget,
  { packId, shardIndex, root, body }: Shard,
  lie: Partial<{ contentLength: number; holder: string }>,
): Promise<{ status: number; code: unknown }> {
  const path = shardPath(packId, shardIndex);
  const request = signMessage(
    signedRequest,
    vault.signing,
    {
      holder: vault.clientId,
      nodeId: target.nodeId,
      grantHash: messageHash(target.grant),
      method: 'PUT' as const,
      path,
      contentLength: body.length,
      contentRoot: root,
      signedAtMs: vault.clock.nowMs(),
      ...lie,
    },
    vault.signingKey,
  );
  const answer = await vault.nodeDispatcher(target.nodeId).request({
    origin: `https://${target.addresses[0]!}`,
    path,
    method: 'PUT',
    headers: {
      'content-type': 'application/octet-stream',
      [HEADERS.grant]: target.grant,
      [HEADERS.request]: request,
      [HEADERS.root]: root,
    },
    body,
  });
  const { code } = (await answer.body.json()) as { code: unknown };
  return { status: answer.statusCode, code };
}

describe('a grant', () => {
  test('that was forged or changed is refused', async () => {
    await withUpload(MiB, async (vault, upload) => {
      const target = upload.nodes[0]!;
      const put = (token: string): Promise<unknown> =>
        vault.nodes.putShard({ ...target, grant: token }, makeShard(upload.uploadId));
      const token = Buffer.from(target.grant, 'base64url');
      token[token.length - 100]! ^= 1;
      expect((await refusalOf(put(token.toString('base64url')))).code).toMatch(/^message\.|^grant\./);
      const body = openMessage(grant, vault.signing, target.grant);
      const own = signMessage(grant, vault.signing, { ...body, quotaBytes: 1e12 }, vault.signingKey);
      expect(await refusalOf(put(own))).toMatchObject({ code: 'message.bad-signature', exitCode: 6 });
    });
  });

  test('of somebody else, for another node or for something else is refused', async () => {
    const stranger = await newClient('stranger');
    await withUpload(MiB, async (vault, upload) => {
      const target = upload.nodes[0]!;
      const second = upload.nodes[1]!;
      const shard = makeShard(upload.uploadId);
      const stolen = stranger.use((thief) => thief.nodes.putShard(target, shard));
      expect(await refusalOf(stolen)).toMatchObject({ code: 'grant.wrong-holder' });
      const elsewhere = vault.nodes.putShard({ ...target, grant: second.grant }, shard);
      expect(await refusalOf(elsewhere)).toMatchObject({ code: 'grant.wrong-node' });
      await vault.nodes.putShard(target, shard);
      expect(await refusalOf(vault.nodes.getShard(target, shard, GROUP_BYTES))).toMatchObject({
        code: 'grant.wrong-verb',
      });
    });
  });

  test(
    'that has expired is refused; a backup asks for another one by itself',
    async () => {
      const refusal = await refusalOf(
        client.use(async (vault) => {
          const upload = await vault.mediator.openUpload(MiB);
          network.clock.shiftHours(7);
          await network.visitAll();
          return vault.nodes.putShard(upload.nodes[0]!, makeShard(upload.uploadId));
        }),
      );
      expect(refusal).toMatchObject({ code: 'grant.expired', exitCode: 5 });
      writeFileSync(join(source, 'after that'), random.bytes(100_000));
      await client.backup([source]);
      await nothingIsLost();
    },
    LONG_MS,
  );
});

describe('the wrong world', () => {
  test('a mediator whose certificate authority is another one than the address says is not spoken to', async () => {
    const address = network.mediator.address.replace(/.{8}$/, (end) => (end === '00000000' ? '11111111' : '00000000'));
    const outcome = await meetMediator(address).catch((error: unknown) => error);
    expect(outcome).toBeInstanceOf(PlatformError);
    expect(outcome).toMatchObject({
      code: 'tls.ca-fingerprint-mismatch',
      message: expect.stringMatching(/\w\.$/),
      next: expect.stringMatching(/^[A-Z].+\.$/),
    });
  });

  test('a client or a node of another network is refused', async () => {
    const { config } = await client.use((vault) => Promise.resolve(vault));
    const abroad = client.use((vault) => vault.mediator.getVault(), { config: { ...config, network: 'signet' } });
    expect(await refusalOf(abroad)).toMatchObject({ code: 'message.wrong-context' });
    const node = startStorageNode({
      ...network.nodeOptions(0),
      dataDir: join(scratch.path, 'signet node'),
      listen: { host: '127.0.9.1', port: 0 },
      network: 'signet',
      logger: createSilentLogger(),
    });
    expect(await refusalOf(node)).toMatchObject({ code: 'message.wrong-context' });
  });

  test('a client whose clock is wrong is told so', async () => {
    // A request that is some seconds under way is that much less ahead.
    const aheadMs = network.clock.nowMs() + 10 * 60_000 + 9_000 - systemClock.nowMs();
    const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
    const refusal = await refusalOf(client.use((vault) => backup(vault, { directories: [source] }), { clock }));
    expect(refusal).toMatchObject({ code: 'message.clock-skew', exitCode: 5 });
    expect(refusal.message).toMatch(/60\d s away/);
    expect(refusal.next).toContain('clock');
  });
});

test(
  'after all of it nothing lies on the nodes but what is committed, and everything comes back',
  async () => {
    network.clock.shiftHours(31);
    await network.mediator.runJobs();
    for (let visit = 0; visit < 2; visit += 1) await network.visitAll();
    expect(shardLinesOnDisk(network.nodes)).toEqual(shardLines(await committedShards(network.mediator.databaseUrl)));
    expect(network.nodes.flatMap(({ dataDir }) => shardsOnDisk(dataDir).stray)).toEqual([]);
    await nothingIsLost();
  },
  LONG_MS,
);
