/**
 * The client is killed with SIGKILL at random moments of its backups. Whatever moment it was: the next run goes on, nothing
 * committed is sent again, everything comes back, and in the end no byte lies on a node that the mediator does not account for.
 */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { mkdirSync, rmSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createSeededRandomness, randomIntBelow, type Randomness, systemRandomness } from '@holdfast/platform';
import { toHex } from '@holdfast/protocol';
import { compareTrees, runsOf } from '@holdfast/testkit';
import { type CliRun, startCli } from '../cli-process.ts';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';
import { committedShards, queryDatabase, shardLines, shardLinesOnDisk, shardsOnDisk } from '../node-disks.ts';

const LONG_MS = 1_800_000;
const KILLS = runsOf({ short: 4, long: 50 });
/** Kills before a run may go through, so that litter of several runs meets. */
const KILLS_IN_A_ROW = 3;
/** In the long run some full packs, and some that are not. */
const FRESH_BYTES = runsOf({ short: 40, long: 80 }) * 1024 * 1024;
const CAPACITY_BYTES = 4_000_000_000;
/** Uploads expire after 6 hours, and are discarded 24 hours after that. */
const UPLOAD_AND_GRACE_HOURS = 6 + 24 + 1;
/** One kill in so many comes at some time of the start, the others after some number of shards. */
const EARLY_KILLS = 6;
const EARLY_MS = 1500;
const MOST_DELAY_MS = 250;

const seed = process.env['HOLDFAST_SEED'] ?? toHex(systemRandomness.bytes(4));

let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;
let random: Randomness;
let roundCount = 0;

beforeAll(async () => {
  process.stderr.write(`killed-client: seed ${seed} (HOLDFAST_SEED=${seed} runs the same again)\n`);
  random = createSeededRandomness(`killed client ${seed}`);
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: 9, capacityBytes: CAPACITY_BYTES });
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  mkdirSync(source);
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

/** New random bytes, in files of all sizes, in place of those before the last ones. */
function changeSource(): void {
  roundCount += 1;
  const directory = join(source, `round ${roundCount}`);
  mkdirSync(directory);
  rmSync(join(source, `round ${roundCount - 2}`), { recursive: true, force: true });
  for (let left = FRESH_BYTES, n = 0; left > 0; n += 1) {
    const sizeBytes = Math.min(left, 1 + randomIntBelow(random, n % 4 === 0 ? 6_000_000 : 40_000));
    writeFileSync(join(directory, `file ${n}`), random.bytes(sizeBytes));
    left -= sizeBytes;
  }
}

/** Told of every shard that begins to arrive at some node, in whatever run. */
function watchArrivals(onArrival: () => void): () => void {
  const watchers = network.nodes.map(({ dataDir }) => {
    const seen = new Set<string>();
    return watch(join(dataDir, 'incoming'), (_, name) => {
      if (name === null || seen.has(name)) return;
      seen.add(name);
      onArrival();
    });
  });
  return () => watchers.forEach((watcher) => watcher.close());
}

/** A backup that is killed a little after so many shards began to arrive (or so long after its start), unless it is through by then. */
async function killedBackup(moment: { arrivals: number; delayMs: number }): Promise<CliRun> {
  let timer: NodeJS.Timeout | undefined;
  let arrivals = 0;
  const run = startCli(client, ['backup', source]);
  const look = (): void => {
    if (arrivals >= moment.arrivals) timer ??= setTimeout(run.kill, moment.delayMs);
  };
  const stop = watchArrivals(() => {
    arrivals += 1;
    look();
  });
  look();
  const outcome = await run.done;
  clearTimeout(timer);
  stop();
  return outcome;
}

async function wholeBackup(): Promise<CliRun> {
  const run = await startCli(client, ['backup', source]).done;
  expect(run).toMatchObject({ status: 0 });
  return run;
}

const adoptedPacks = (lines: CliRun['lines']): number =>
  lines.reduce((sum, { event, adoptedPacks: count }) => sum + (event === 'resumed' ? (count as number) : 0), 0);

async function restoresExactly(): Promise<void> {
  const target = join(scratch.path, 'restored');
  const report = await client.restore(target);
  expect(report).toMatchObject({ notRestored: [], faults: [] });
  expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
  rmSync(target, { recursive: true });
}

/** Chunk ids of all packs but the index, as often as they were stored. */
const storedChunks = (): Promise<string[]> =>
  client.use(({ catalog }) => {
    const ids: string[] = [];
    for (const pack of catalog.packs()) {
      if (pack.kind !== 'index') for (const { id } of pack.table.entries()) ids.push(toHex(id));
    }
    return Promise.resolve(ids);
  });

describe('a client that is killed', () => {
  test(
    `at ${KILLS} random moments of its backups: the next run completes, and everything comes back`,
    async () => {
      changeSource();
      let shardCount = 0;
      const stop = watchArrivals(() => (shardCount += 1));
      await wholeBackup();
      stop();
      expect(shardCount).toBeGreaterThan(20);

      let adopted = 0;
      for (let kill = 0, runs = 0; kill < KILLS; runs += 1) {
        expect(runs).toBeLessThan(4 * KILLS);
        if (kill % KILLS_IN_A_ROW === 0) changeSource();
        const moment =
          kill % EARLY_KILLS === 0
            ? { arrivals: 0, delayMs: randomIntBelow(random, EARLY_MS) }
            : { arrivals: 1 + randomIntBelow(random, shardCount), delayMs: randomIntBelow(random, MOST_DELAY_MS) };
        const { signal, status, lines, errors } = await killedBackup(moment);
        adopted += adoptedPacks(lines);
        if (signal === 'SIGKILL') {
          kill += 1;
          if (kill % KILLS_IN_A_ROW !== 0 && kill < KILLS) continue;
          const whole = await wholeBackup();
          adopted += adoptedPacks(whole.lines);
        } else {
          expect({ status, errors }).toMatchObject({ status: 0 });
          changeSource();
          continue;
        }
        await restoresExactly();
      }
      process.stderr.write(`killed-client: ${KILLS} runs were killed, ${adopted} packs of theirs taken over\n`);
    },
    LONG_MS,
  );

  test('what was committed was not sent again: no chunk is stored twice', async () => {
    const chunks = await storedChunks();
    expect(chunks.length).toBeGreaterThan(0);
    expect(chunks.length - new Set(chunks).size).toBe(0);
    // The catalog is what the mediator has, no more and no less.
    const known = await client.use(({ catalog }) => Promise.resolve([...catalog.packIds()].toSorted()));
    const committed = await committedShards(network.mediator.databaseUrl);
    expect(known).toEqual([...new Set(committed.map(({ packId }) => packId))].toSorted());
  });

  test(
    'once the uploads and their grace are over, the disks hold the committed shards and nothing else, and both sides count the same',
    async () => {
      const { databaseUrl } = network.mediator;
      const committed = await committedShards(databaseUrl);
      const litter = shardLinesOnDisk(network.nodes).length - committed.length;
      process.stderr.write(`killed-client: ${litter} shards of killed runs lay uncommitted\n`);

      network.clock.shiftHours(UPLOAD_AND_GRACE_HOURS);
      await network.mediator.runJobs();
      // One visit brings the orders, the next one tells that they are done and what is free.
      for (let visit = 0; visit < 2; visit += 1) await network.visitAll();
      await network.mediator.runJobs();

      expect(shardLinesOnDisk(network.nodes)).toEqual(shardLines(await committedShards(databaseUrl)));
      expect(network.nodes.flatMap(({ dataDir }) => shardsOnDisk(dataDir).stray)).toEqual([]);
      const accounts = await queryDatabase<Record<'nodeId' | 'stored' | 'reserved' | 'reported', string>>(
        databaseUrl,
        `SELECT encode(node_id, 'hex') AS "nodeId", stored_bytes AS stored, reserved_bytes AS reserved,
           reported_free_bytes AS reported FROM nodes`,
      );
      expect(accounts).toHaveLength(network.nodes.length);
      for (const { nodeId, dataDir } of network.nodes) {
        const { shards } = shardsOnDisk(dataDir);
        const account = accounts.find((row) => row.nodeId === nodeId)!;
        const fileBytes = shards.reduce((sum, shard) => sum + shard.fileBytes, 0);
        expect({
          nodeId,
          stored: Number(account.stored),
          reserved: Number(account.reserved),
          reported: Number(account.reported),
        }).toEqual({
          nodeId,
          stored: shards.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0),
          reserved: 0,
          reported: CAPACITY_BYTES - fileBytes,
        });
      }
      expect(await queryDatabase(databaseUrl, `SELECT 1 FROM uploads WHERE state <> 'discarded'`)).toEqual([]);
      await restoresExactly();
    },
    LONG_MS,
  );
});
