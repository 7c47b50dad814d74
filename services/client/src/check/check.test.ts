import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import { backup } from '../backup/index.ts';
import type { ClientContext } from '../ports.ts';
import type { FakeNode } from '../testing/fake-node.ts';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { check, type CheckOptions, type CheckReport } from './index.ts';

// Threads and servers start for each: slow where many tests share a processor.
jest.setTimeout(120_000);

let network: FakeNetwork;
let client: ClientContext;
let source: string;
const random = createSeededRandomness('check test');

let putBack: () => Promise<void>;

/** One vault for all: tests only spoil what is stored, or add to it. */
beforeAll(async () => {
  network = await startFakeNetwork();
  client = network.newClient();
  source = mkdtempSync(join(tmpdir(), 'holdfast-check-'));
  mkdirSync(join(source, 'deep/er'), { recursive: true });
  writeFileSync(join(source, 'small'), 'small');
  writeFileSync(join(source, 'empty'), '');
  writeFileSync(join(source, 'deep/large'), random.bytes(9_000_000));
  writeFileSync(join(source, 'deep/er/file'), random.bytes(300_000));
  await backup(client, { directories: [source], workers: 1 });
  putBack = network.remember();
});
afterEach(() => putBack());
afterAll(async () => {
  await network.close();
  rmSync(source, { recursive: true, force: true });
});

/** Backs up one file more, from another machine: the catalog of the first one stays as it is. */
async function backUpMore(): Promise<{ snapshotId: string; dataPacks: string[] }> {
  const other = network.newClient('other');
  writeFileSync(join(source, 'later'), random.bytes(400_000));
  try {
    const { snapshotId } = await backup(other, { directories: [source], workers: 1 });
    const known = packsOf('data');
    return { snapshotId, dataPacks: packsOf('data', other).filter((packId) => !known.includes(packId)) };
  } finally {
    rmSync(join(source, 'later'));
  }
}

const run = (options: Partial<CheckOptions> = {}, context = client): Promise<CheckReport> =>
  check(context, { readData: false, stallTimeoutMs: 5000, workers: 1, ...options });

const holders = (): FakeNode[] => network.nodes.filter((node) => node.shards.size > 0);
const idsOf = (nodes: readonly FakeNode[]): string[] => nodes.map(({ nodeId }) => nodeId).toSorted();
/** Packs of one kind, by the catalog of the client that wrote them. */
const packsOf = (kind: string, { catalog } = client): string[] =>
  [...catalog.packs()].filter((pack) => pack.kind === kind).map(({ packId }) => packId);

function spoil(node: FakeNode, change: (bytes: Uint8Array) => Uint8Array): void {
  for (const [name, shard] of node.shards) node.shards.set(name, { ...shard, bytes: change(shard.bytes) });
}
const flipOneBit = (bytes: Uint8Array): Uint8Array => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1);

describe.each([false, true])('readData %s', (readData) => {
  test('all is well: every shard is good, every root is the one that the client signed', async () => {
    const report = await run({ readData });
    const packs = network.mediator.packs.size;
    expect(report).toMatchObject({
      verdict: 'good',
      snapshots: 1,
      files: 4,
      packs,
      shards: { checked: 4 * packs, good: 4 * packs },
      margins: [{ nodes: 2, packs }],
      signedRoots: { confirmed: packs, unconfirmed: 0, contradicted: 0 },
      affectedCount: 0,
      problems: [],
      faults: [],
    });
    if (readData) expect(report.readBytes).toBeGreaterThan(2 * 9_000_000);
    else expect(report.readBytes).toBe(0);
  });

  test('on a machine that knows nothing of the vault, and leaves nothing there', async () => {
    const other = network.newClient('other');
    expect((await run({ readData }, other)).verdict).toBe('good');
    expect(other.catalog.counts().packs).toBe(0);
    expect(readdirSync(other.home).filter((name) => name.startsWith('check'))).toEqual([]);
  });

  test('n − k nodes without their shards: readable, weaker, and the nodes are named', async () => {
    const bad = holders().slice(0, 2);
    for (const node of bad) node.shards.clear();
    const report = await run({ readData });
    expect(report).toMatchObject({ verdict: 'weaker', affectedCount: 0, lostPackCount: 0, atRiskFileCount: 3 });
    expect(report.margins).toEqual([{ nodes: 0, packs: report.packs }]);
    expect(report.faults.map(({ nodeId }) => nodeId)).toEqual(idsOf(bad));
    expect(report.faults.flatMap(({ counts }) => Object.keys(counts))).toEqual(['lost', 'lost']);
  });

  test('a data pack with fewer than k shards is lost, with the paths of its files', async () => {
    const dataPacks = packsOf('data');
    for (const node of holders().slice(0, 3)) {
      for (const name of node.shards.keys()) {
        if (dataPacks.some((packId) => name.startsWith(packId))) node.shards.delete(name);
      }
    }
    const report = await run({ readData });
    expect(report).toMatchObject({ verdict: 'lost', mayComeBack: false, lostPackCount: dataPacks.length });
    expect(report.affected.map(({ path }) => path).toSorted()).toEqual(
      ['deep/er/file', 'deep/large', 'small'].map((name) => join(source, name)),
    );
    expect(report.affected[0]).toMatchObject({ code: 'codec.too-few-shards', packId: expect.any(String) });
    expect(report.margins[0]).toEqual({ nodes: -1, packs: dataPacks.length });
  });

  test('nodes that are down: what cannot be read now may come back', async () => {
    const dataPacks = packsOf('data');
    for (const node of holders().slice(0, 2)) await node.stop();
    for (const name of holders()[2]!.shards.keys()) {
      if (dataPacks.some((packId) => name.startsWith(packId))) holders()[2]!.shards.delete(name);
    }
    const report = await run({ readData });
    expect(report).toMatchObject({ verdict: 'lost', mayComeBack: true });
    expect(report.lostPacks[0]).toMatchObject({ good: 1, needed: 2, total: 4, away: 2 });
  });

  test('a pack that the mediator no longer has', async () => {
    const [packId] = packsOf('data');
    network.mediator.packs.delete(packId!);
    const report = await run({ readData });
    expect(report.verdict).toBe('lost');
    expect(report.problems).toEqual([`Pack ${packId!} is not committed with the mediator.`]);
  });

  test('a mediator that names other roots than the client signed: the signed ones count', async () => {
    const [packId] = packsOf('data');
    const pack = network.mediator.packs.get(packId!)!;
    const shards = pack.shards.map((shard) => ({ ...shard, root: 'ab'.repeat(32) }));
    network.mediator.packs.set(packId!, { ...pack, shards });
    const report = await run({ readData });
    expect(report).toMatchObject({ verdict: 'weaker', signedRoots: { contradicted: 1 }, weakPackCount: 0 });
  });

  test('stops when it is told to', async () => {
    const stop = new AbortController();
    const checking = run({ readData, signal: stop.signal, onProgress: () => stop.abort() });
    await expect(checking).rejects.toMatchObject({ code: 'client.interrupted' });
  });
});

describe('reading every byte', () => {
  test.each<[string, (bytes: Uint8Array) => Uint8Array, string]>([
    ['corrupt', flipOneBit, 'wrong-bytes'],
    ['truncated', (bytes) => bytes.subarray(0, bytes.length - 65_536), 'wrong-length'],
    ['stale', (bytes) => new Uint8Array(bytes.length), 'wrong-bytes'],
  ])('two nodes with %s shards: each shard is judged by itself', async (_, change, kind) => {
    const bad = holders().slice(1, 3);
    for (const node of bad) spoil(node, change);
    const report = await run({ readData: true });
    expect(report).toMatchObject({ verdict: 'weaker', affectedCount: 0, damagedChunks: 0 });
    expect(report.faults.map(({ nodeId }) => nodeId)).toEqual(idsOf(bad));
    for (const { counts } of report.faults) expect(counts).toMatchObject({ [kind]: report.packs });
    expect(report.margins).toEqual([{ nodes: 0, packs: report.packs }]);
  });

  test('three of four nodes corrupt: the files are named, and without reading nothing is noticed of it', async () => {
    const dataPacks = packsOf('data');
    for (const node of holders().slice(0, 3)) {
      for (const [name, shard] of node.shards) {
        const isData = dataPacks.some((packId) => name.startsWith(packId));
        if (isData) node.shards.set(name, { ...shard, bytes: flipOneBit(shard.bytes) });
      }
    }
    expect((await run()).verdict).toBe('good');
    const report = await run({ readData: true });
    expect(report).toMatchObject({ verdict: 'lost', affectedCount: 3 });
  });

  test('a node that admits to be damaged', async () => {
    const [bad] = holders();
    bad!.fault = ({ path }) => {
      if (path.startsWith('/v1/shards/')) throw fail('shard.damaged');
    };
    const report = await run({ readData: true });
    expect(report.faults).toMatchObject([{ nodeId: bad!.nodeId, counts: { lost: report.packs } }]);
  });
});

describe('asking for roots', () => {
  test('a node that has another shard, or one of another length', async () => {
    const [other, shorter] = holders();
    for (const [name, shard] of other!.shards) other!.shards.set(name, { ...shard, root: 'cd'.repeat(32) });
    spoil(shorter!, (bytes) => bytes.subarray(0, 65_536));
    const report = await run();
    const counts = new Map(report.faults.map((node) => [node.nodeId, node.counts]));
    expect(counts.get(other!.nodeId)).toEqual({ 'wrong-bytes': report.packs });
    expect(counts.get(shorter!.nodeId)).toMatchObject({ 'wrong-length': expect.any(Number) });
    expect(report.verdict).toBe('weaker');
  });
});

describe('what cannot be opened', () => {
  test('a lost tree pack: the directory is named', async () => {
    const treePacks = packsOf('tree');
    expect(treePacks.length).toBeGreaterThan(0);
    for (const node of network.nodes) {
      for (const name of node.shards.keys()) {
        if (treePacks.some((packId) => name.startsWith(packId))) node.shards.delete(name);
      }
    }
    const report = await run();
    expect(report.verdict).toBe('lost');
    expect(report.affectedCount).toBeGreaterThan(0);
  });

  test('a lost index: the packs’ own tables stand in for it', async () => {
    const indexPacks = client.catalog.indexPackIds();
    for (const node of network.nodes) {
      for (const name of node.shards.keys()) {
        if (indexPacks.some((packId) => name.startsWith(packId))) node.shards.delete(name);
      }
    }
    const report = await run();
    expect(report).toMatchObject({ verdict: 'weaker', files: 4, affectedCount: 0 });
    expect(report.problems[0]).toMatch(/^The index cannot be read/);
  });

  test('no backup yet', async () => {
    const empty = await startFakeNetwork({ seed: 'another' });
    try {
      await expect(check(empty.newClient(), { readData: false })).rejects.toMatchObject({ code: 'client.no-snapshot' });
    } finally {
      await empty.close();
    }
  });
});

describe('some snapshots only', () => {
  test('packs that only another snapshot needs are left out', async () => {
    const { snapshotId, dataPacks: later } = await backUpMore();
    expect(later.length).toBeGreaterThan(0);
    for (const node of network.nodes) {
      for (const name of node.shards.keys()) {
        if (later.some((packId) => name.startsWith(packId))) node.shards.delete(name);
      }
    }
    const whole = await run();
    expect(whole.affected).toMatchObject([{ path: join(source, 'later'), snapshotId }]);
    const ids = await snapshotIds();
    const older = await run({ snapshots: [ids[0]!] });
    expect(older).toMatchObject({ verdict: 'good', snapshots: 1 });
    expect(older.packs).toBeLessThan(whole.packs);
    expect((await run({ snapshots: ['latest'] })).verdict).toBe('lost');
    await expect(run({ snapshots: ['ffffffff'] })).rejects.toMatchObject({ code: 'client.no-snapshot' });
  });

  async function snapshotIds(): Promise<string[]> {
    const reader = network.newClient('reader');
    const { openSnapshots } = await import('../restore/index.ts');
    const { PackAccess } = await import('../vault/index.ts');
    const { snapshots } = await openSnapshots(reader, new PackAccess(reader));
    return snapshots.map(({ snapshotId }) => snapshotId);
  }
});

test('a mediator that shows an older head than the nodes have: the newer one is checked', async () => {
  const old = network.mediator.head;
  await backUpMore();
  network.mediator.head = old;
  const report = await run();
  expect(report).toMatchObject({ verdict: 'weaker', headSequence: 2, snapshots: 2 });
  expect(report.problems[0]).toMatch(/^The mediator shows the head with sequence 1/);
});
