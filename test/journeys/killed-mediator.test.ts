/**
 * The mediator (a process with a Postgres of its own) is killed with SIGKILL during backups, its database crashes under it, or it
 * is away: a backup goes on by itself when it is back in time, else it says so and the next run goes on from there.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { chmodSync, mkdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  createSilentLogger,
  createSeededRandomness,
  randomIntBelow,
  type Randomness,
  systemRandomness,
} from '@holdfast/platform';
import { toHex } from '@holdfast/protocol';
import { type StorageNode, startStorageNode } from '@holdfast/storage-node';
import { backup } from '@holdfast/client';
import { compareTrees, runsOf } from '@holdfast/testkit';
import { startCli } from '../cli-process.ts';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Killable, startKillableMediator } from '../killable.ts';
import { committedShards, queryDatabase, shardLines, shardLinesOnDisk } from '../node-disks.ts';
import { OPERATORS, priceOf } from '../operators.ts';
import type { MediatorReady } from '../run-mediator.ts';
import { createShiftedClock } from '../shifted-clock.ts';

const LONG_MS = 900_000;
const KILLS = runsOf({ short: 2, long: 12 });
const CRASHES = runsOf({ short: 1, long: 12 });
const NODE_COUNT = 5;
const FRESH_BYTES = runsOf({ short: 40, long: 70 }) * 1024 * 1024;
const MOST_DELAY_MS = 200;

const seed = process.env['HOLDFAST_SEED'] ?? toHex(systemRandomness.bytes(4));
const clock = createShiftedClock();

let random: Randomness;
let scratch: Scratch;
let mediator: Killable<MediatorReady>;
let client: TestClient;
let source: string;
let roundCount = 0;
const nodes: StorageNode[] = [];

beforeAll(async () => {
  process.stderr.write(`killed-mediator: seed ${seed} (HOLDFAST_SEED=${seed} runs the same again)\n`);
  random = createSeededRandomness(`killed mediator ${seed}`);
  scratch = await makeScratch();
  // For the user that Postgres runs as.
  chmodSync(scratch.path, 0o711);
  mediator = await startKillableMediator(scratch.path);
  for (let index = 0; index < NODE_COUNT; index += 1) nodes.push(await startStorageNode(nodeOptions(index)));
  client = await createTestClient({ clock, mediator: mediator.ready }, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  mkdirSync(source);
}, LONG_MS);

afterAll(async () => {
  await Promise.all(nodes.map((node) => node.stop()));
  await mediator?.stop();
  await scratch?.remove();
}, LONG_MS);

const nodeOptions = (index: number) => ({
  dataDir: join(scratch.path, `node${index + 1}`),
  mediator: mediator.ready.address,
  listen: { host: `127.0.${index + 1}.1`, port: 0 },
  operator: OPERATORS[index]!,
  region: 'local',
  priceSatPerTbMonth: priceOf(index),
  capacityBytes: 4_000_000_000,
  network: 'regtest' as const,
  scrubBytesPerSecond: 0,
  heartbeatMs: 1000,
  logger: createSilentLogger(),
});

/** Other random bytes in place of those of the last time. */
function changeSource(): void {
  rmSync(join(source, `round ${roundCount}`), { recursive: true, force: true });
  roundCount += 1;
  const directory = join(source, `round ${roundCount}`);
  mkdirSync(directory);
  for (let left = FRESH_BYTES, n = 0; left > 0; n += 1) {
    const sizeBytes = Math.min(left, 1 + randomIntBelow(random, 6_000_000));
    writeFileSync(join(directory, `file ${n}`), random.bytes(sizeBytes));
    left -= sizeBytes;
  }
}

/** Runs `act` once, a random while after some shard of the backup that is under way began to arrive. */
function atSomeMoment(act: () => Promise<void>, at: 'any' | 'beginning' = 'any'): () => Promise<void> {
  const done = Promise.withResolvers<void>();
  const after = at === 'any' ? randomIntBelow(random, 3 * NODE_COUNT) : 0;
  const delayMs = at === 'any' ? randomIntBelow(random, MOST_DELAY_MS) : 0;
  let arrivals = 0;
  let timer: NodeJS.Timeout | undefined;
  const watchers = nodes.map(({ dataDir }) =>
    watch(join(dataDir, 'incoming'), () => {
      arrivals += 1;
      if (arrivals > after) timer ??= setTimeout(() => void act().then(done.resolve, done.reject), delayMs);
    }),
  );
  // A failure is told when it is asked for.
  done.promise.catch(() => undefined);
  return async () => {
    watchers.forEach((watcher) => watcher.close());
    if (timer === undefined) throw new Error('no shard arrived, and so there was no moment to act');
    await done.promise;
  };
}

async function restoresExactly(): Promise<void> {
  const target = join(scratch.path, 'restored');
  rmSync(target, { recursive: true, force: true });
  expect(await client.restore(target)).toMatchObject({ notRestored: [], faults: [] });
  expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
}

/** Of all packs but the index: how many chunks are stored more than once. */
const chunksStoredTwice = (): Promise<number> =>
  client.use(({ catalog }) => {
    const ids = [...catalog.packs()]
      .filter(({ kind }) => kind !== 'index')
      .flatMap(({ table }) => [...table.entries()].map(({ id }) => toHex(id)));
    return Promise.resolve(ids.length - new Set(ids).size);
  });

/** Everything committed lies where it should. */
async function isAllThere(): Promise<void> {
  const onDisk = new Set(shardLinesOnDisk(nodes));
  const committed = shardLines(await committedShards(mediator.ready.databaseUrl));
  expect(committed.filter((line) => !onDisk.has(line))).toEqual([]);
}

describe('a mediator', () => {
  test(
    `killed at ${KILLS} random moments of backups and started again: each backup goes on by itself`,
    async () => {
      for (let kill = 0; kill < KILLS; kill += 1) {
        changeSource();
        const acted = atSomeMoment(async () => {
          await mediator.kill();
          await mediator.start();
        });
        const report = await client.backup([source]);
        await acted();
        expect(report).toMatchObject({ unreadableCount: 0, failedNodes: [] });
        expect(report.newBytes).toBeGreaterThanOrEqual(FRESH_BYTES);
        await isAllThere();
      }
      await restoresExactly();
      expect(await chunksStoredTwice()).toBe(0);
    },
    LONG_MS,
  );

  test(
    `whose Postgres crashes at ${CRASHES} random moments of backups: each backup goes on by itself`,
    async () => {
      for (let crash = 0; crash < CRASHES; crash += 1) {
        changeSource();
        const acted = atSomeMoment(async () => {
          // When one of its processes is killed, the server ends all the others, and recovers.
          const [backend] = await queryDatabase<{ pid: number }>(
            mediator.ready.databaseUrl,
            `SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast-mediator' ORDER BY random() LIMIT 1`,
          );
          process.kill(backend!.pid, 'SIGKILL');
        });
        const report = await client.backup([source]);
        await acted();
        expect(report).toMatchObject({ unreadableCount: 0, failedNodes: [] });
        await isAllThere();
      }
      await restoresExactly();
      expect(await chunksStoredTwice()).toBe(0);
    },
    LONG_MS,
  );

  test(
    'that stays away longer than a client is patient: the backup says so, and the next one goes on from there',
    async () => {
      changeSource();
      const acted = atSomeMoment(() => mediator.kill(), 'beginning');
      const impatient = client.use((vault) => backup(vault, { directories: [source] }), {
        mediatorRetryDelaysMs: [50, 100],
      });
      await expect(impatient).rejects.toMatchObject({
        code: 'remote.unreachable',
        exitCode: 4,
        message: expect.stringContaining('mediator'),
        next: expect.stringMatching(/\w.*\.$/),
      });
      await acted();
      await mediator.start();

      const report = await client.backup([source]);
      expect(report).toMatchObject({ unreadableCount: 0, failedNodes: [] });
      expect(await chunksStoredTwice()).toBe(0);
      await restoresExactly();
    },
    LONG_MS,
  );

  test(
    'that is away from the start: a sentence, a code, exit status 4, and nothing lost',
    async () => {
      await mediator.kill();
      const run = await startCli(client, ['snapshots']).done;
      expect(run.status).toBe(4);
      expect(run.lines.at(-1)).toMatchObject({
        type: 'error',
        code: 'remote.unreachable',
        message: expect.stringContaining('The mediator does not answer'),
        next: expect.stringMatching(/\w.*\.$/),
      });
      const impatient = client.use(async (vault) => vault.mediator.getVault(), { mediatorRetryDelaysMs: [] });
      await expect(impatient).rejects.toMatchObject({ code: 'remote.unreachable', exitCode: 4 });

      await mediator.start();
      await Promise.all(nodes.map((node) => node.heartbeatNow()));
      expect(await client.backup([source])).toMatchObject({ unchanged: true });
      await restoresExactly();
    },
    LONG_MS,
  );
});
