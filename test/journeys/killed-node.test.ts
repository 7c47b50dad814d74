/**
 * Storage nodes (processes) are killed with SIGKILL during backups and started again, or stay away: the backup completes or says
 * clearly what to do, and whatever a node acknowledged is there and whole.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandomness, randomIntBelow, type Randomness, systemRandomness } from '@holdfast/platform';
import { EXIT_CODES, HoldfastError, toHex } from '@holdfast/protocol';
import { startStorageNode, type StorageNodeOptions } from '@holdfast/storage-node';
import { compareTrees, runsOf } from '@holdfast/testkit';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Killable, startKillableNode } from '../killable.ts';
import { type Network, startNetwork } from '../network.ts';
import { committedShards, shardLines, shardLinesOnDisk, shardsOnDisk } from '../node-disks.ts';
import type { NodeReady } from '../run-storage-node.ts';

const LONG_MS = 900_000;
const KILLS = runsOf({ short: 2, long: 30 });
/** 2+2, and one to spare. */
const NODE_COUNT = 5;
const SHARDS_NEEDED = 4;
const FRESH_BYTES = 40 * 1024 * 1024;
const MOST_DELAY_MS = 150;

const seed = process.env['HOLDFAST_SEED'] ?? toHex(systemRandomness.bytes(4));

let random: Randomness;
let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;
let roundCount = 0;
const nodes: Killable<NodeReady>[] = [];

beforeAll(async () => {
  process.stderr.write(`killed-node: seed ${seed} (HOLDFAST_SEED=${seed} runs the same again)\n`);
  random = createSeededRandomness(`killed node ${seed}`);
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: 0 });
  nodes.push(
    ...(await Promise.all(Array.from({ length: NODE_COUNT }, (_, index) => startKillableNode(optionsOf(index))))),
  );
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  mkdirSync(source);
}, LONG_MS);

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

/** Without what only this process has. */
function optionsOf(index: number): Omit<StorageNodeOptions, 'clock' | 'logger' | 'randomness'> {
  const { clock: _clock, logger: _logger, randomness: _randomness, ...options } = network.nodeOptions(index);
  return { ...options, heartbeatMs: 500 };
}

/** Other random bytes in place of those of the last time. */
function changeSource(): void {
  rmSync(join(source, `round ${roundCount}`), { recursive: true, force: true });
  roundCount += 1;
  const directory = join(source, `round ${roundCount}`);
  mkdirSync(directory);
  for (let left = FRESH_BYTES, n = 0; left > 0; n += 1) {
    const sizeBytes = Math.min(left, 1 + randomIntBelow(random, 5_000_000));
    writeFileSync(join(directory, `file ${n}`), random.bytes(sizeBytes));
    left -= sizeBytes;
  }
}

/** Acts once, a random while after some shard began to arrive at that node; at once where none ever does. */
function whenArriving(
  node: Killable<NodeReady>,
  act: () => Promise<void>,
  delayMs = randomIntBelow(random, MOST_DELAY_MS),
): () => Promise<void> {
  let acting: Promise<void> | undefined;
  let timer: NodeJS.Timeout | undefined;
  const watcher = watch(join(node.dataDir, 'incoming'), () => {
    timer ??= setTimeout(() => void (acting ??= act()), delayMs);
  });
  return async () => {
    watcher.close();
    clearTimeout(timer);
    await (acting ??= act());
  };
}

const restart = async (node: Killable<NodeReady>): Promise<void> => {
  await node.kill();
  await node.start();
};

async function restoresExactly(): Promise<void> {
  const target = join(scratch.path, 'restored');
  expect(await client.restore(target)).toMatchObject({ notRestored: [] });
  expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
  rmSync(target, { recursive: true });
}

/** A node that holds shards of the last backups. */
const holder = (): Killable<NodeReady> => nodes[randomIntBelow(random, SHARDS_NEEDED)]!;

describe('storage nodes', () => {
  test(
    `killed at ${KILLS} random moments of backups and started again: each backup completes, and is whole`,
    async () => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        changeSource();
        const victim = holder();
        const settled = whenArriving(victim, () => restart(victim));
        const report = await client.backup([source]);
        await settled();
        expect(report).toMatchObject({ unreadableCount: 0 });
        expect(report.newBytes).toBeGreaterThanOrEqual(FRESH_BYTES);
        // At most the one that was killed was given up.
        const others = report.failedNodes.filter(({ nodeId }) => nodeId !== victim.ready.nodeId);
        expect(others).toEqual([]);
        for (const { detail } of report.failedNodes) expect(detail).toMatch(/\w/);
      }
      await restoresExactly();
    },
    LONG_MS,
  );

  test(
    'one of which stays away: another takes its place, and the report says so',
    async () => {
      changeSource();
      const [victim] = nodes as [Killable<NodeReady>];
      await victim.kill();
      const report = await client.backup([source]);
      expect(report.failedNodes).toEqual([
        { nodeId: victim.ready.nodeId, detail: expect.stringContaining('does not answer') },
      ]);
      await restoresExactly();
      await victim.start();
    },
    LONG_MS,
  );

  test(
    'of which too few are left: the backup says what to do, and the next one goes on from there',
    async () => {
      changeSource();
      const victims = nodes.slice(0, 2);
      for (const victim of victims) await victim.kill();
      const outcome: unknown = await client
        .backup([source], { pipeline: { retryDelaysMs: [100], patientRetryDelaysMs: [100, 200] } })
        .catch((error: unknown) => error);
      expect(outcome).toBeInstanceOf(HoldfastError);
      const refusal = outcome as HoldfastError;
      expect(['policy.too-few-nodes', 'client.no-replacement', 'remote.unreachable']).toContain(refusal.code);
      expect([EXIT_CODES.unavailable, EXIT_CODES.refused]).toContain(refusal.exitCode);
      expect(refusal.message).toMatch(/^\S.+\w/);
      expect(refusal.next).toMatch(/^[A-Z].+\.$/);

      for (const victim of victims) await victim.start();
      const report = await client.backup([source]);
      expect(report).toMatchObject({ unreadableCount: 0, failedNodes: [] });
      await restoresExactly();
    },
    LONG_MS,
  );

  test(
    'have all that they acknowledged, whole, and no litter of what they did not',
    async () => {
      const committed = shardLines(await committedShards(network.mediator.databaseUrl));
      const onDisk = new Set(shardLinesOnDisk(nodes.map(({ ready, dataDir }) => ({ ...ready, dataDir }))));
      expect(committed.length).toBeGreaterThan(KILLS * SHARDS_NEEDED);
      expect(committed.filter((line) => !onDisk.has(line))).toEqual([]);
      for (const [index, node] of nodes.entries()) {
        await node.kill();
        const looking = await startStorageNode({ ...network.nodeOptions(index), ...optionsOf(index) });
        expect(shardsOnDisk(node.dataDir).stray).toEqual([]);
        // Every byte on its disk is read again and compared with its root.
        const { checked, damaged } = await looking.scrubNow();
        expect({ checked, damaged }).toEqual({ checked: shardsOnDisk(node.dataDir).shards.length, damaged: 0 });
        await looking.stop();
      }
    },
    LONG_MS,
  );
});
