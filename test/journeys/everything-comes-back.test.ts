/** Whatever a file system holds goes out to eight of nine nodes, and comes back as it was: all of it, parts of it, older versions of it. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import type { BackupReport } from '@holdfast/client';
import { compareTrees, runsOf } from '@holdfast/testkit';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { makeFixtureTree } from '../fixture-tree.ts';
import { type Network, startNetwork } from '../network.ts';
import { shardLinesOnDisk } from '../node-disks.ts';

const LONG_MS = 1_800_000;
const smallFiles = runsOf({ short: 1000, long: 100_000 });
const bigBytes = runsOf({ short: 40, long: 2048 }) * 1024 * 1024;

let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;
let socket: Server;
let first: BackupReport;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: 9, capacityBytes: 8_000_000_000 });
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  makeFixtureTree(source, { seed: 'everything comes back', smallFiles, bigBytes });
  socket = createServer().listen(join(source, 'specials/socket'));
  utimesSync(join(source, 'specials'), 1.6e9, 1.6e9 + 0.125);
}, LONG_MS);

afterAll(async () => {
  socket?.close();
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

const under = (target: string): string => join(target, source);
const listNames = (path: string): string[] => readdirSync(path).toSorted();

/** Of each kind of change one. */
function changeTree(root: string): void {
  const at = (path: string): string => join(root, path);
  appendFileSync(at('many/group 0/0/file-1'), 'appended');
  writeFileSync(at('many/group 0/0/file-3'), 'another content');
  rmSync(at('many/group 0/0/file-4'));
  renameSync(at('big.bin'), at('renamed.bin'));
  renameSync(at('duplicates'), at('moved duplicates'));
  renameSync(at('moved duplicates'), at('duplicates'));
  chmodSync(at('modes/600'), 0o640);
  utimesSync(at('modes/644'), 7e8, 7e8);
  rmSync(at('odd names/-rf'));
  mkdirSync(at('odd names/-rf'));
  writeFileSync(at('odd names/-rf/now a directory'), 'new');
  rmSync(at('specials/empty directory'), { recursive: true });
  symlinkSync('empty file', at('specials/empty directory'));
  writeFileSync(at('new.txt'), 'a new file');
  rmSync(at('hard links/second'));
  writeFileSync(at('hard links/second'), 'on its own now');
  const file = openSync(at('sparse/holes between'), 'r+');
  writeSync(file, Buffer.alloc(100_000, 'filled '), 0, 100_000, 3_000_000);
  closeSync(file);
}

describe('everything comes back', () => {
  test('nine nodes are offered: eight are chosen, and the dearest is refused with its reason', async () => {
    const quote = await client.use(({ mediator }) => mediator.quote(1e9));
    expect(quote.policy).toEqual({ dataShards: 4, parityShards: 4 });
    expect(quote.chosen.map(({ nodeId }) => nodeId).toSorted()).toEqual(
      network.nodes
        .slice(0, 8)
        .map(({ nodeId }) => nodeId)
        .toSorted(),
    );
    expect(quote.refused).toHaveLength(1);
    expect(quote.refused[0]).toMatchObject({ nodeId: network.nodes[8]!.nodeId, operator: 'leslie' });
    expect(quote.refused[0]!.sentence).toMatch(/\w.*\.$/);
  });

  test(
    'a backup of everything says what it left out',
    async () => {
      first = await client.backup([source]);
      expect(first).toMatchObject({ unchanged: false, unreadable: [], changed: [], failedNodes: [], copyFailures: [] });
      expect(first.skipped).toEqual([{ path: join(source, 'specials/socket'), detail: 'socket' }]);
      expect(first.fileCount).toBeGreaterThan(smallFiles);
      expect(first.sizeBytes).toBeGreaterThan(bigBytes);
      // Holes and duplicates cost nothing; what is left is stored twice, and little more.
      expect(first.newBytes).toBeLessThan(first.sizeBytes - bigBytes / 4);
      expect(first.storedBytes).toBeLessThan(2.2 * first.newBytes + 16 * 1024 * 1024);
      expect(shardLinesOnDisk([network.nodes[8]!])).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'it is restored exactly',
    async () => {
      const target = join(scratch.path, 'restored');
      const report = await client.restore(target);
      expect(report).toMatchObject({ notRestored: [], faults: [], notes: [], skipped: 0 });
      const { compared, differences } = await compareTrees(source, under(target));
      expect(differences).toEqual([]);
      expect(compared).toBeGreaterThan(smallFiles + 100);
    },
    LONG_MS,
  );

  test(
    'a second backup with nothing changed sends nothing and reads nothing',
    async () => {
      const before = shardLinesOnDisk(network.nodes);
      const report = await client.backup([source]);
      expect(report).toMatchObject({ unchanged: true, newBytes: 0, storedBytes: 0, filesRead: 0 });
      expect(report.sizeBytes).toBe(first.sizeBytes);
      expect(shardLinesOnDisk(network.nodes)).toEqual(before);
    },
    LONG_MS,
  );

  test(
    'what changed is stored as a new version, and the old version stays what it was',
    async () => {
      changeTree(source);

      const second = await client.backup([source]);
      expect(second.snapshotId).not.toBe(first.snapshotId);
      expect(second.newBytes).toBeGreaterThan(0);
      // Neither the big file nor the many are sent again.
      expect(second.newBytes).toBeLessThan(6 * 1024 * 1024);

      const newest = join(scratch.path, 'newest');
      await client.restore(newest);
      expect((await compareTrees(source, under(newest))).differences).toEqual([]);

      const older = join(scratch.path, 'older');
      const report = await client.restore(older, { snapshot: first.snapshotId });
      expect(report).toMatchObject({ notRestored: [], faults: [] });
      expect((await compareTrees(under(join(scratch.path, 'restored')), under(older))).differences).toEqual([]);
    },
    LONG_MS,
  );

  test('parts of it come back by patterns, without the rest', async () => {
    const target = join(scratch.path, 'parts');
    const include = ['**/duplicates/*', `${source}/modes/4755`, 'nanoseconds'];
    const report = await client.restore(target, { include });
    expect(report.notRestored).toEqual([]);
    const names = (below: string): string[] => listNames(join(under(target), below));
    expect(names('.')).toEqual(['duplicates', 'modes', 'times']);
    expect(names('modes')).toEqual(['4755']);
    expect(names('times')).toEqual(['nanoseconds']);
    expect((await compareTrees(join(source, 'duplicates'), join(under(target), 'duplicates'))).differences).toEqual([]);
    await expect(client.restore(join(scratch.path, 'none'), { include: ['no such thing'] })).rejects.toMatchObject({
      code: 'client.no-match',
    });
  });

  test('files that are there already are left, replaced, or in the way: as one says', async () => {
    const target = join(scratch.path, 'existing');
    const include = [`${source}/duplicates`];
    await client.restore(target, { include });
    const [edited, older, gone] = ['one', 'two', 'small 3'].map((name) => join(under(target), 'duplicates', name));
    const edit = (): void => {
      writeFileSync(edited!, 'edited later');
      writeFileSync(older!, 'from long ago');
      utimesSync(older!, 1, 1);
      rmSync(gone!, { force: true });
    };
    edit();
    await expect(client.restore(target, { include })).rejects.toMatchObject({
      code: 'client.target-exists',
      exitCode: 5,
    });
    expect(readFileSync(edited!, 'utf8')).toBe('edited later');

    const skipped = await client.restore(target, { include, existing: 'skip' });
    expect(skipped.files).toBe(1);
    expect(readFileSync(older!, 'utf8')).toBe('from long ago');
    expect(readFileSync(gone!, 'utf8')).toBe('the same small content');

    edit();
    await client.restore(target, { include, existing: 'newer' });
    expect(readFileSync(edited!, 'utf8')).toBe('edited later');
    expect(readFileSync(older!).equals(readFileSync(join(source, 'duplicates/two')))).toBe(true);

    await client.restore(target, { include, existing: 'overwrite' });
    expect((await compareTrees(join(source, 'duplicates'), join(under(target), 'duplicates'))).differences).toEqual([]);
  });
});
