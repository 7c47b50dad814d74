import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { readDiskFiles, readVaultFiles } from '../testing/read-vault.ts';
import { backup } from './index.ts';

let network: FakeNetwork;
let source: string;
const random = createSeededRandomness('failing nodes');

beforeAll(() => {
  source = mkdtempSync(join(tmpdir(), 'holdfast-failing-'));
  for (let n = 0; n < 4; n += 1) writeFileSync(join(source, `${n}`), random.bytes(6_000_000));
});
afterEach(() => network.close());
afterAll(() => {
  rmSync(source, { recursive: true, force: true });
});

const quick = { retryDelaysMs: [5], patientRetryDelaysMs: [5, 5], stallTimeoutMs: 30_000 };

/** All packs at nodes that keep them, and all files back. */
async function expectWhole(): Promise<void> {
  for (const node of network.nodes) node.fault = undefined;
  expect(await readVaultFiles(network.newClient('reader'))).toEqual(readDiskFiles(source));
  const byId = new Map(network.nodes.map((node) => [node.nodeId, node]));
  for (const [packId, { shards }] of network.mediator.packs) {
    expect(new Set(shards.map(({ nodeId }) => nodeId)).size).toBe(shards.length);
    for (const [index, { nodeId, root }] of shards.entries()) {
      expect(byId.get(nodeId)!.shards.get(`${packId}/${index}`)?.root).toBe(root);
    }
  }
}

describe('a node that fails while shards are on their way to it', () => {
  test.each([
    ['is full', () => fail('node.full')],
    ['has a broken disk', () => fail('node.disk', { detail: 'EIO' })],
    ['stores something else', () => fail('shard.root-mismatch')],
  ])('%s: another takes its place, and the report names it', async (_, error) => {
    network = await startFakeNetwork();
    const bad = network.nodes[1]!;
    let puts = 0;
    bad.fault = ({ method }) => {
      if (method !== 'PUT') return undefined;
      puts += 1;
      if (puts > 1) throw error();
      return undefined;
    };
    const report = await backup(network.newClient(), { directories: [source], pipeline: quick });
    expect(report.failedNodes.map(({ nodeId }) => nodeId)).toEqual([bad.nodeId]);
    await expectWhole();
  });

  test('goes silent: another takes its place', async () => {
    network = await startFakeNetwork();
    const bad = network.nodes[2]!;
    bad.fault = ({ method }) => (method === 'PUT' ? 'hang' : undefined);
    // Long enough for the others to answer on a busy machine, short enough to wait for twice.
    const pipeline = { ...quick, stallTimeoutMs: 6000 };
    const report = await backup(network.newClient(), { directories: [source], pipeline });
    expect(report.failedNodes.map(({ nodeId }) => nodeId)).toEqual([bad.nodeId]);
    await expectWhole();
  });

  test('stumbles once: it is tried again, and nobody is blamed', async () => {
    network = await startFakeNetwork();
    let isFirst = true;
    network.nodes[0]!.fault = ({ method }) => {
      if (!isFirst || method !== 'PUT') return undefined;
      isFirst = false;
      throw fail('node.busy');
    };
    const report = await backup(network.newClient(), { directories: [source], pipeline: quick });
    expect(report.failedNodes).toEqual([]);
    await expectWhole();
  });

  test('without another to take its place: the backup says which node, and keeps what is committed', async () => {
    network = await startFakeNetwork({ nodes: 4 });
    const bad = network.nodes[3]!;
    bad.fault = ({ method }) => {
      if (method === 'PUT') throw fail('node.full');
      return undefined;
    };
    const client = network.newClient();
    await expect(backup(client, { directories: [source], pipeline: quick })).rejects.toMatchObject({
      code: 'client.no-replacement',
      params: { nodeId: bad.nodeId.slice(0, 8) },
    });
    bad.fault = undefined;
    await backup(client, { directories: [source], pipeline: quick });
    await expectWhole();
  });
});

describe('grants', () => {
  test('that run out under way are no fault of the node: a new upload is opened', async () => {
    network = await startFakeNetwork();
    let left = 2;
    network.nodes[0]!.fault = ({ method }) => {
      if (method !== 'PUT' || left === 0) return undefined;
      left -= 1;
      throw fail('grant.expired', { expiredAt: 'just now' });
    };
    const report = await backup(network.newClient(), { directories: [source], pipeline: quick });
    expect(report.failedNodes).toEqual([]);
    expect(network.mediator.uploads.length).toBeGreaterThan(1);
    await expectWhole();
  });

  test('that are about to run out are not begun with', async () => {
    network = await startFakeNetwork({ uploadTtlMs: 30_000 });
    const report = await backup(network.newClient(), { directories: [source], pipeline: quick });
    expect(report.failedNodes).toEqual([]);
    expect(network.mediator.uploads.length).toBeGreaterThanOrEqual(network.mediator.packs.size);
    // Each is closed, so that nothing stays reserved.
    expect([...network.mediator.closed].sort()).toEqual(
      network.mediator.uploads.map(({ uploadId }) => uploadId).sort(),
    );
    await expectWhole();
  });
});
