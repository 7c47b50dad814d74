/** Any four of the eight nodes that hold a vault may be gone: everything comes back. With five gone nothing does, and it says so. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { RestoreReport } from '@holdfast/client';
import { createSeededRandomness, randomIntBelow } from '@holdfast/platform';
import { EXIT_CODES } from '@holdfast/protocol';
import { compareTrees, isLongRun, runsOf } from '@holdfast/testkit';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { makeFixtureTree } from '../fixture-tree.ts';
import { type Network, startNetwork } from '../network.ts';
import { shardsOnDisk } from '../node-disks.ts';

const LONG_MS = 1_800_000;
/** Of the nine, eight hold shards: 4+4. */
const HOLDERS = 8;
const SEED = 'half the nodes gone';

let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;
let restores = 0;

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: HOLDERS + 1 });
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  makeFixtureTree(source, { seed: SEED, smallFiles: 60, bigBytes: 3 * 1024 * 1024 });
  const report = await client.backup([source]);
  expect(report).toMatchObject({ unreadable: [], changed: [], failedNodes: [] });
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

/** Every choice of `count` holders, each sorted; in `npm test` some of them, the same each time. */
function choicesOf(count: number, sampleSize: number): number[][] {
  const all = Array.from({ length: 2 ** HOLDERS }, (_, bits) =>
    Array.from({ length: HOLDERS }, (__, index) => index).filter((index) => (bits >> index) % 2 === 1),
  ).filter((choice) => choice.length === count);
  if (isLongRun) return all;
  const random = createSeededRandomness(`${SEED} ${count}`);
  return Array.from({ length: sampleSize }, () => all.splice(randomIntBelow(random, all.length), 1)[0]!);
}

/** Leaves exactly these nodes down. */
async function takeDown(choice: readonly number[]): Promise<void> {
  for (let index = 0; index < HOLDERS; index += 1) {
    if (choice.includes(index)) await network.stopNode(index);
    else if (!network.isNodeUp(index)) await network.restartNode(index);
  }
}

/** A restore into a fresh directory, which is removed afterwards. */
async function restoreInto<T>(work: (target: string) => Promise<T>): Promise<T> {
  const target = join(scratch.path, `restored-${(restores += 1)}`);
  try {
    return await work(target);
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

const filesBelow = (path: string): string[] =>
  existsSync(path) ? readdirSync(path, { recursive: true, encoding: 'latin1' }) : [];

const nodeIdsOf = (choice: readonly number[]): string[] => choice.map((index) => network.nodes[index]!.nodeId);

describe('half the nodes gone', () => {
  test(
    'whichever four of the eight are down, every file comes back exactly',
    async () => {
      const choices = choicesOf(4, runsOf({ short: 3, long: 70 }));
      const blamed = new Set<string>();
      for (const choice of choices) {
        await takeDown(choice);
        await restoreInto(async (target) => {
          const report = await client.restore(target);
          expect({ choice, notRestored: report.notRestored }).toEqual({ choice, notRestored: [] });
          const { differences } = await compareTrees(source, join(target, source));
          expect({ choice, differences }).toEqual({ choice, differences: [] });
          for (const { nodeId, counts } of report.faults) {
            expect(nodeIdsOf(choice)).toContain(nodeId);
            expect(Object.keys(counts)).toEqual(['unreachable']);
            blamed.add(nodeId);
          }
        });
      }
      // Nodes that are down are named, whenever they were asked for something.
      expect(blamed.size).toBeGreaterThanOrEqual(HOLDERS / 2);
    },
    LONG_MS,
  );

  test(
    'with any five down it says how many are missing, and leaves nothing',
    async () => {
      for (const choice of choicesOf(5, 2)) {
        await takeDown(choice);
        await restoreInto(async (target) => {
          await expect(client.restore(target)).rejects.toMatchObject({
            code: 'codec.too-few-shards',
            exitCode: EXIT_CODES.integrity,
            message: expect.stringMatching(/^Pack [0-9a-f]{64}: 3 good shards, 4 needed\.$/),
            next: expect.stringMatching(/^Wait for nodes to come back and try again;.*\.$/),
          });
          expect(filesBelow(target)).toEqual([]);
        });
      }
      // Nothing was lost: with one of them back it is all there.
      await takeDown([0, 2, 4, 6]);
      await restoreInto(async (target) => {
        await client.restore(target);
        expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
      });
    },
    LONG_MS,
  );

  test(
    'one pack that five nodes have lost costs its own files: they are named and absent, the others are exact',
    async () => {
      await takeDown([]);
      const packId = await eraseOnePack([0, 1, 2, 3, 4]);
      await restoreInto(async (target) => {
        const report = await client.restore(target);
        expect(report.notRestoredCount).toBeGreaterThan(0);
        expect(report.notRestored).toHaveLength(report.notRestoredCount);
        for (const { code, packId: named, detail } of report.notRestored) {
          expect({ code, named }).toEqual({ code: 'codec.too-few-shards', named: packId });
          expect(detail).toMatch(/3 good shards, 4 needed/);
        }
        await expectExactButFor(target, report);
        expect(report.faults.map(({ nodeId, counts }) => [nodeId, counts])).toEqual(
          nodeIdsOf([0, 1, 2, 3, 4])
            .toSorted()
            .map((nodeId) => [nodeId, { lost: expect.any(Number) }]),
        );
      });
    },
    LONG_MS,
  );
});

/** Deletes a data pack's shards from the disks of these nodes. Returns its id. */
async function eraseOnePack(indexes: readonly number[]): Promise<string> {
  const packId = await client.use(async ({ mediator, catalog }) => {
    for await (const id of mediator.listPacks()) if (catalog.getPack(id)?.kind === 'data') return id;
    throw new RangeError('the vault has no data pack');
  });
  for (const index of indexes) {
    const { shards } = shardsOnDisk(network.nodes[index]!.dataDir);
    for (const { path } of shards.filter((shard) => shard.packId === packId)) rmSync(path);
  }
  return packId;
}

/** What the report names is not there, under no name; all else is as in the source. */
async function expectExactButFor(target: string, { notRestored }: RestoreReport): Promise<void> {
  const top = join(target, source);
  const { differences } = await compareTrees(source, top, { maxDifferences: Number.MAX_SAFE_INTEGER });
  const missing = differences.filter(({ what }) => what === 'is missing').map(({ path }) => path);
  expect(missing).toHaveLength(notRestored.length);
  const others = differences.filter(({ what }) => what !== 'is missing');
  expect(others).toEqual([]);
  expect(filesBelow(target).filter((path) => path.includes('.holdfast-'))).toEqual([]);
}
