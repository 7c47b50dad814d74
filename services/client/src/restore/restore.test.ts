import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import { compareTrees } from '@holdfast/testkit';
import { backup } from '../backup/index.ts';
import type { ClientContext } from '../ports.ts';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { restore, type RestoreOptions, type RestoreReport } from './index.ts';

// Threads and servers start for each: slow where many tests share a processor.
jest.setTimeout(120_000);

let network: FakeNetwork;
let client: ClientContext;
let top: string;
let source: string;
let target: string;

async function begin(): Promise<void> {
  network = await startFakeNetwork();
  client = network.newClient();
  top = mkdtempSync(join(tmpdir(), 'holdfast-restore-'));
  source = join(top, 'source');
  target = join(top, 'target');
  mkdirSync(source);
}

async function end(): Promise<void> {
  await network.close();
  rmSync(top, { recursive: true, force: true });
}

/** One vault for all tests of the group: they only spoil what is stored, and restore it, each into another target. */
function describeWithVault(name: string, fill: () => void, tests: () => void): void {
  describe(name, () => {
    let putBack: () => Promise<void>;
    let count = 0;
    beforeAll(async () => {
      await begin();
      fill();
      await backup(client, { directories: [source] });
      putBack = network.remember();
    });
    beforeEach(() => {
      target = join(top, `target ${(count += 1)}`);
    });
    afterEach(() => putBack());
    afterAll(end);
    tests();
  });
}

const random = createSeededRandomness('restore test');

/** One of everything that an ordinary user can make. */
function makeTree(): void {
  mkdirSync(join(source, 'a/b/c'), { recursive: true });
  mkdirSync(join(source, 'empty directory'));
  writeFileSync(join(source, 'a/small.txt'), 'small');
  writeFileSync(join(source, 'a/empty.txt'), '');
  writeFileSync(join(source, 'a/b/large.bin'), random.bytes(9_000_000));
  writeFileSync(join(source, 'a/b/copy of large.bin'), readFileSync(join(source, 'a/b/large.bin')));
  writeFileSync(join(source, 'a/b/c/text.txt'), 'many words '.repeat(60_000));
  symlinkSync('nowhere', join(source, 'a/dangling'));
  symlinkSync('small.txt', join(source, 'a/symlink'));
  linkSync(join(source, 'a/small.txt'), join(source, 'a/b/linked.txt'));
  linkSync(join(source, 'a/b/large.bin'), join(source, 'zz linked large'));
  linkSync(join(source, 'a/empty.txt'), join(source, 'zz linked empty'));
  for (let n = 0; n < 500; n += 1) writeFileSync(join(source, `a/b/c/${n}`), `file number ${n}`.repeat(n));
  writeFileSync(join(source, 'sparse'), 'start');
  truncateSync(join(source, 'sparse'), 20_000_000);
  execFileSync('mkfifo', [join(source, 'a/fifo')]);
  for (const name of [' ', '\n', '-rf', '*', '\\', 'ü', 'x'.repeat(255), '.hidden'])
    writeFileSync(join(source, name), name);
  writeFileSync(Buffer.from(`${source}/not-utf8-\xff\xfe`, 'latin1'), 'bytes');
  mkdirSync(Buffer.from(`${source}/dir-\xff`, 'latin1'));
  execFileSync('mkfifo', [Buffer.from('fifo').toString()], { cwd: source });
  writeFileSync(Buffer.from(`${source}/dir-\xff/inside`, 'latin1'), 'inside');
  chmodSync(join(source, 'a/small.txt'), 0o400);
  chmodSync(join(source, 'a/b/c/7'), 0o751);
  chmodSync(join(source, 'a/b/c'), 0o2750);
  chmodSync(join(source, 'empty directory'), 0o1777);
  lutimesSync(join(source, 'a/dangling'), 1_000_000_000.123_456, 1_000_000_000.123_456);
  utimesSync(join(source, 'a/b/c/8'), 5, 5);
  utimesSync(join(source, 'a/b/c/9'), new Date(-86_400_500), new Date(-86_400_500));
  chmodSync(join(source, 'a/b'), 0o500);
  utimesSync(join(source, 'a/b'), 1_234_567_890.5, 1_234_567_890.5);
}

const options = (more: Partial<RestoreOptions> = {}): RestoreOptions => ({
  snapshot: 'latest',
  target,
  include: [],
  existing: 'fail',
  stallTimeoutMs: 5000,
  workers: 1,
  ...more,
});

async function restoreAll(more: Partial<RestoreOptions> = {}, context = client): Promise<RestoreReport> {
  return restore(context, options(more));
}

const restored = (): string => join(target, source);
const differences = async (): Promise<unknown> => (await compareTrees(source, restored())).differences;
const litter = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'latin1' as 'utf8' }).filter((name) =>
    name.includes('.holdfast-'),
  );

describeWithVault('restore', makeTree, () => {
  test('brings everything back as it was, on a machine that knows nothing', async () => {
    const report = await restoreAll({}, network.newClient('other'));
    expect(await differences()).toEqual([]);
    expect(report).toMatchObject({ notRestored: [], notRestoredCount: 0, faults: [], skipped: 0, others: 4 });
    expect(report.files).toBe(519);
    expect(report.directories).toBe(6);
    expect(litter(target)).toEqual([]);
  });

  test.each<[string, (index: number) => void]>([
    ['down', (index) => void network.nodes[index]!.stop()],
    [
      'serving corrupt bytes',
      (index) =>
        (network.nodes[index]!.fault = (_, shard) => shard?.with(shard.length >> 1, shard[shard.length >> 1]! ^ 1)),
    ],
    [
      'serving truncated bytes',
      (index) => (network.nodes[index]!.fault = (_, shard) => shard?.subarray(0, shard.length - 65_536)),
    ],
    [
      'serving stale bytes',
      (index) => (network.nodes[index]!.fault = (_, shard) => shard && new Uint8Array(shard.length)),
    ],
    [
      'without the shards',
      (index) =>
        (network.nodes[index]!.fault = () => {
          throw fail('shard.unknown');
        }),
    ],
  ])('two of four holders %s: exact all the same, and they are named', async (_, spoil) => {
    const holders = [...network.nodes.keys()].filter((index) => network.nodes[index]!.shards.size > 0);
    const bad = holders.slice(0, 2).map((index) => network.nodes[index]!.nodeId);
    for (const index of holders.slice(0, 2)) spoil(index);
    const report = await restoreAll({}, network.newClient('other'));
    expect(await differences()).toEqual([]);
    expect(report.notRestoredCount).toBe(0);
    for (const { nodeId } of report.faults) expect(bad).toContain(nodeId);
    expect(report.faults.length).toBeGreaterThan(0);
  });

  test('only what the patterns select', async () => {
    const report = await restoreAll({ include: [`${source}/a/b/c/7`, '*.txt'] });
    const found = readdirSync(restored(), { recursive: true, encoding: 'utf8' }).toSorted();
    expect(found).toEqual([
      'a',
      'a/b',
      'a/b/c',
      'a/b/c/7',
      'a/b/c/text.txt',
      'a/b/linked.txt',
      'a/empty.txt',
      'a/small.txt',
    ]);
    expect(report.files).toBe(5);
  });

  test('a pattern that matches nothing, and a snapshot that is not there, are refused', async () => {
    await expect(restoreAll({ include: ['nothing-like-this'] })).rejects.toMatchObject({ code: 'client.no-match' });
    await expect(restoreAll({ snapshot: 'ffffffff' })).rejects.toMatchObject({ code: 'client.no-snapshot' });
  });
});

function makeThreeEntries(): void {
  writeFileSync(join(source, 'a'), 'saved a');
  writeFileSync(join(source, 'b'), 'saved b');
  symlinkSync('a', join(source, 'link'));
}

describeWithVault('files that are there already', makeThreeEntries, () => {
  beforeEach(() => {
    mkdirSync(restored(), { recursive: true });
  });

  test('fail: nothing is written', async () => {
    writeFileSync(join(restored(), 'b'), 'mine');
    await expect(restoreAll()).rejects.toMatchObject({ code: 'client.target-exists' });
    expect(readdirSync(restored())).toEqual(['b']);
  });

  test('skip: they stay, the others come', async () => {
    writeFileSync(join(restored(), 'b'), 'mine');
    expect(await restoreAll({ existing: 'skip' })).toMatchObject({ files: 1, others: 1, skipped: 1 });
    expect(readFileSync(join(restored(), 'a'), 'utf8')).toBe('saved a');
    expect(readFileSync(join(restored(), 'b'), 'utf8')).toBe('mine');
  });

  test('overwrite: they are replaced, also a symlink, which is not followed', async () => {
    writeFileSync(join(top, 'outside'), 'outside');
    symlinkSync(join(top, 'outside'), join(restored(), 'b'));
    writeFileSync(join(restored(), 'link'), 'a file where a symlink goes');
    await restoreAll({ existing: 'overwrite' });
    expect(await differences()).toEqual([]);
    expect(readFileSync(join(top, 'outside'), 'utf8')).toBe('outside');
  });

  test('newer: only older ones are replaced', async () => {
    writeFileSync(join(restored(), 'a'), 'older');
    utimesSync(join(restored(), 'a'), 1000, 1000);
    writeFileSync(join(restored(), 'b'), 'newer');
    utimesSync(join(restored(), 'b'), 4_000_000_000, 4_000_000_000);
    expect(await restoreAll({ existing: 'newer' })).toMatchObject({ skipped: 1 });
    expect(readFileSync(join(restored(), 'a'), 'utf8')).toBe('saved a');
    expect(readFileSync(join(restored(), 'b'), 'utf8')).toBe('newer');
  });

  test('a symlink where a directory should be is never followed', async () => {
    rmSync(restored(), { recursive: true });
    mkdirSync(join(top, 'elsewhere'));
    symlinkSync(join(top, 'elsewhere'), restored());
    await expect(restoreAll()).rejects.toMatchObject({ code: 'client.target-exists' });
    const report = await restoreAll({ existing: 'skip' });
    expect(report.notRestoredCount).toBeGreaterThan(0);
    expect(readdirSync(join(top, 'elsewhere'))).toEqual([]);
  });

  test('a directory where a file should be is reported', async () => {
    mkdirSync(join(restored(), 'a'));
    const report = await restoreAll({ existing: 'overwrite' });
    expect(report.notRestored).toMatchObject([{ path: join(restored(), 'a'), code: 'client.not-writable' }]);
  });

  test('what an interrupted restore left is cleared away', async () => {
    writeFileSync(join(restored(), '.holdfast-0123456789abcdef-1z.part'), 'half');
    await restoreAll();
    expect(litter(target)).toEqual([]);
    expect(await differences()).toEqual([]);
  });
});

describe('parts of a vault', () => {
  beforeEach(begin);
  afterEach(end);

  test('too few good shards: the pack and its files are named, the rest is restored', async () => {
    writeFileSync(join(source, 'first'), random.bytes(300_000));
    await backup(client, { directories: [source] });
    const before = new Set(network.nodes.flatMap((node) => [...node.shards.keys()]));
    writeFileSync(join(source, 'second'), random.bytes(300_000));
    await backup(client, { directories: [source] });
    // Of the first backup's packs that hold data, no node has anything any more.
    const dataPacks = new Set(
      [...client.catalog.packs()].filter(({ kind }) => kind === 'data').map(({ packId }) => packId),
    );
    for (const node of network.nodes) {
      for (const name of before) if ([...dataPacks].some((packId) => name.includes(packId))) node.shards.delete(name);
    }
    const report = await restoreAll();
    expect(report).toMatchObject({ files: 1, notRestoredCount: 1 });
    expect(report.notRestored).toMatchObject([{ path: join(restored(), 'first'), code: 'codec.too-few-shards' }]);
    expect(dataPacks).toContain(report.notRestored[0]!.packId);
    expect(readFileSync(join(restored(), 'second')).equals(readFileSync(join(source, 'second')))).toBe(true);
    expect(litter(target)).toEqual([]);
  });

  test('one small file does not fetch whole shards', async () => {
    writeFileSync(join(source, 'large'), random.bytes(12_000_000));
    writeFileSync(join(source, 'small'), random.bytes(50_000));
    await backup(client, { directories: [source] });
    const report = await restoreAll({ include: ['small'] });
    expect(report.fetchedBytes).toBeLessThan(200_000);
    expect(readFileSync(join(restored(), 'small')).equals(readFileSync(join(source, 'small')))).toBe(true);
  });

  test('stops when it is told to, leaves no litter, and goes on at the next run', async () => {
    for (let n = 0; n < 40; n += 1) writeFileSync(join(source, String(n)), random.bytes(1_000_000));
    await backup(client, { directories: [source] });
    const stop = new AbortController();
    const run = restoreAll({
      signal: stop.signal,
      onProgress: ({ fetchedBytes }) => {
        if (fetchedBytes > 5_000_000) stop.abort();
      },
    });
    await expect(run).rejects.toMatchObject({ code: 'client.interrupted' });
    expect(existsSync(target) ? litter(target) : []).toEqual([]);
    await restoreAll({ existing: 'skip' });
    expect(await differences()).toEqual([]);
  });
});
