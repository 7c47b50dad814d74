/** After losses, `check` says exactly what is weaker and what is lost: the very files that a restore then cannot bring back. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { closeSync, mkdirSync, openSync, readSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { check, type CheckReport } from '@holdfast/client';
import { createSeededRandomness } from '@holdfast/platform';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { shardsOnDisk } from '../node-disks.ts';

const LONG_MS = 300_000;
/** 2+2, and one to spare. */
const NODE_COUNT = 5;
const FILE_COUNT = 12;
const FILE_BYTES = 4 * 1024 * 1024;

const random = createSeededRandomness('check');
let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: NODE_COUNT });
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  mkdirSync(source);
  for (let n = 0; n < FILE_COUNT; n += 1) writeFileSync(join(source, `file ${n}`), random.bytes(FILE_BYTES));
  await client.backup([source]);
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

const checkVault = (readData: boolean): Promise<CheckReport> =>
  client.use((vault) => check(vault, { readData, stallTimeoutMs: 5000 }));

/** One of the packs that hold the contents of files: the largest. */
const dataPack = (): Promise<string> =>
  client.use(({ catalog }) => {
    const packs = [...catalog.packs()].filter(({ kind }) => kind === 'data');
    const largest = packs.toSorted((a, b) => b.shardLengthBytes - a.shardLengthBytes)[0]!;
    return Promise.resolve(largest.packId);
  });

/** Where the shards of a pack lie. */
const shardsOf = (packId: string): { node: number; path: string }[] =>
  network.nodes.flatMap(({ dataDir }, node) =>
    shardsOnDisk(dataDir)
      .shards.filter((shard) => shard.packId === packId)
      .map(({ path }) => ({ node, path })),
  );

function flipByte(path: string, offset: number): void {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, offset);
  byte[0]! ^= 1;
  writeSync(file, byte, 0, 1, offset);
  closeSync(file);
}

/** As they stand in the tree. */
const lostByRestore = async (): Promise<string[]> => {
  const target = join(scratch.path, 'restored');
  const report = await client.restore(target);
  rmSync(target, { recursive: true });
  return report.notRestored.map(({ path }) => path.slice(target.length)).toSorted();
};

describe('check', () => {
  test(
    'says that all is good where all is good, by roots and by reading everything',
    async () => {
      for (const readData of [false, true]) {
        const report = await checkVault(readData);
        expect(report).toMatchObject({
          verdict: 'good',
          files: FILE_COUNT,
          weakPackCount: 0,
          lostPackCount: 0,
          affected: [],
          faults: [],
          problems: [],
          unindexedPacks: 0,
          damagedChunks: 0,
        });
        expect(report.shards.good).toBe(report.shards.checked);
        expect(report.margins).toEqual([{ nodes: 2, packs: report.packs }]);
      }
    },
    LONG_MS,
  );

  test(
    'names the node that is away, and how much weaker every pack is by it',
    async () => {
      await network.stopNode(0);
      const report = await checkVault(false);
      expect(report).toMatchObject({ verdict: 'weaker', lostPackCount: 0, affectedCount: 0 });
      expect(report.faults).toEqual([
        expect.objectContaining({ nodeId: network.nodes[0]!.nodeId, counts: { unreachable: report.packs } }),
      ]);
      expect(report.margins).toEqual([{ nodes: 1, packs: report.packs }]);
      expect(report.weakPackCount).toBe(report.packs);
      await network.restartNode(0);
      expect(await checkVault(false)).toMatchObject({ verdict: 'good' });
    },
    LONG_MS,
  );

  test(
    'finds a byte that rotted on a disk, when it reads everything',
    async () => {
      const packId = await dataPack();
      const { node, path } = shardsOf(packId)[0]!;
      flipByte(path, 100_000);
      const report = await checkVault(true);
      flipByte(path, 100_000);
      expect(report).toMatchObject({ verdict: 'weaker', lostPackCount: 0, affectedCount: 0, weakPackCount: 1 });
      expect(report.weakPacks[0]).toMatchObject({ packId, good: 3, needed: 2, total: 4 });
      expect(report.faults.map(({ nodeId }) => nodeId)).toEqual([network.nodes[node]!.nodeId]);
    },
    LONG_MS,
  );

  test(
    'names the very files that are lost with a pack, and no others',
    async () => {
      const packId = await dataPack();
      const places = shardsOf(packId);
      expect(places).toHaveLength(4);
      for (const { node, path } of places.slice(0, 3)) {
        await network.stopNode(node);
        rmSync(path);
        await network.restartNode(node);
      }
      for (const readData of [false, true]) {
        const report = await checkVault(readData);
        expect(report).toMatchObject({ verdict: 'lost', lostPackCount: 1, mayComeBack: false });
        expect(report.lostPacks[0]).toMatchObject({ packId, good: 1, needed: 2 });
        const affected = report.affected.map(({ path }) => path).toSorted();
        expect(affected.length).toBeGreaterThan(0);
        expect(affected.length).toBeLessThan(FILE_COUNT);
        expect(affected).toEqual(await lostByRestore());
      }
    },
    LONG_MS,
  );
});
