/**
 * What a challenge costs a real node with real shards on its disk, at several sizes: bytes on its link, and what it reads.
 * Linux only. npm run bench -- --only traffic [--node-gb 1,4]
 */
import { chmodSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Mediator, startMediator } from '@holdfast/mediator';
import { createSilentLogger, systemClock } from '@holdfast/platform';
import { openChallenge, shardKeyOf } from '@holdfast/protocol';
import { createTestClient, type TestClient } from '../client-harness.ts';
import { type Admin, type Challenge, signInAsAdmin } from '../demo/admin.ts';
import { type ServiceProcess, startProcess } from '../processes.ts';
import type { NodeReady } from '../run-storage-node.ts';
import { createShiftedClock } from '../shifted-clock.ts';
import { type CountingRelay, startCountingRelay } from './counting-relay.ts';
import { makeRandomTree } from './trees.ts';

/** An hour, in ten seconds: what is measured is counted for each challenge, not for each second. */
const PERIOD_MS = 10_000;
const MEASURED_PERIODS = 4;
const IDLE_MS = 40_000;
/** As nodes are told at this period, and in earnest. */
const HEARTBEAT_MS = PERIOD_MS / 10;
const HEARTBEATS_AN_HOUR = 120;
const NEVER_MS = 1e12;
const POLL_MS = 200;

interface Counters {
  readonly wireBytes: number;
  /** What the process read, from disk and from sockets. */
  readonly readBytes: number;
  readonly cpuSeconds: number;
}

interface Bench {
  readonly mediator: Mediator;
  readonly admin: Admin;
  readonly client: TestClient;
  readonly relay: CountingRelay;
  readonly node: ServiceProcess<NodeReady>;
  readonly source: string;
}

/** Prints a line for each of these sizes of one node, in ascending order. */
export async function benchTraffic(directory: string, gigabytes: readonly number[]): Promise<void> {
  const work = mkdtempSync(join(directory, 'holdfast-traffic-'));
  chmodSync(work, 0o711); // the user that Postgres runs as, where root started it, passes through
  const cleanups: (() => unknown)[] = [];
  try {
    const bench = await start(work, gigabytes, cleanups);
    process.stdout.write('\nchallenges of a real node, shards of 16 MiB on its disk, TLS and link included\n');
    const heartbeatBytes = await bytesOfHeartbeat(bench);
    process.stdout.write('stored   leaves   shards   MB on the wire   MB read   CPU ms of the node\n');
    let stored = 0;
    for (const size of gigabytes) {
      makeRandomTree(join(bench.source, `to ${size} GB`), (size - stored) * 1e9, `traffic ${size}`);
      await bench.client.backup([bench.source]);
      stored = size;
      await report(bench);
    }
    process.stdout.write(
      `with ${PERIOD_MS / HEARTBEAT_MS} heartbeats of ${heartbeatBytes.toFixed(0)} bytes; in earnest there are ${HEARTBEATS_AN_HOUR} an hour\n`,
    );
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
    rmSync(work, { recursive: true, force: true });
  }
}

async function start(work: string, gigabytes: readonly number[], cleanups: (() => unknown)[]): Promise<Bench> {
  const dataDir = join(work, 'mediator');
  const mediator = await startMediator({
    dataDir,
    listen: { host: '127.0.0.1', port: 0 },
    network: 'regtest',
    subnetRule: 'local',
    welcomeSats: 1_000_000_000,
    periodMs: PERIOD_MS,
    challenges: { retrievalCheckMs: NEVER_MS },
    processMetrics: false,
    logger: createSilentLogger(),
  });
  cleanups.push(() => mediator.stop());
  const { port } = new URL(mediator.baseUrl);
  const relay = await startCountingRelay(Number(port));
  cleanups.push(() => relay.close());
  const log = openSync(join(work, 'nodes.log'), 'a');
  const startNode = async (operator: string, host: string, address: string): Promise<ServiceProcess<NodeReady>> => {
    const options = {
      dataDir: join(work, operator),
      mediator: address,
      listen: { host, port: 0 },
      operator,
      region: 'local',
      priceSatPerTbMonth: 1000n,
      capacityBytes: (Math.max(...gigabytes) + 1) * 1.2e9,
      network: 'regtest',
      scrubBytesPerSecond: 1,
    };
    const child = await startProcess<NodeReady>('run-storage-node.ts', options, log);
    cleanups.push(() => child.stop());
    return child;
  };
  const node = await startNode('ada', '127.0.1.1', mediator.address.replace(`:${port}#`, `:${relay.port}#`));
  await startNode('grace', '127.0.2.1', mediator.address);
  const client = await createTestClient(
    { clock: createShiftedClock(), mediator },
    { home: join(work, 'client'), terms: { policy: { dataShards: 1, parityShards: 1 } } },
  );
  const source = join(work, 'source');
  mkdirSync(source);
  return { mediator, admin: await signInAsAdmin(mediator, dataDir), client, relay, node, source };
}

const countersOf = ({ relay, node }: Bench): Counters => {
  const readBytes = Number(/^rchar: (\d+)$/m.exec(readFileSync(`/proc/${node.pid}/io`, 'utf8'))![1]);
  const fields = readFileSync(`/proc/${node.pid}/stat`, 'utf8').split(') ')[1]!.split(' ').map(Number);
  return { wireBytes: relay.bytes(), readBytes, cpuSeconds: (fields[11]! + fields[12]!) / 100 };
};

/** Without shards there is nothing else on the link, but for a ping now and then. */
async function bytesOfHeartbeat({ relay }: Bench): Promise<number> {
  const before = relay.bytes();
  const beganAtMs = systemClock.nowMs();
  await sleep(IDLE_MS);
  return ((relay.bytes() - before) * HEARTBEAT_MS) / (systemClock.nowMs() - beganAtMs);
}

const period = (): number => Math.floor(systemClock.nowMs() / PERIOD_MS);

/** The verdict about a period, once it is there. */
async function verdictOf({ admin, node }: Bench, wanted: number): Promise<Challenge> {
  for (;;) {
    const challenges = await admin.challenges(node.ready.nodeId);
    const found = challenges.find((one) => one.period >= wanted && one.outcome !== undefined);
    if (found !== undefined) return found;
    await sleep(POLL_MS);
  }
}

interface Window {
  readonly before: Counters;
  readonly after: Counters;
  /** Challenges between them, each with its answer. */
  readonly count: number;
  readonly last: Challenge;
}

/** From one verdict to another, some periods later; once more where a busy machine let one be missed. */
async function measureWindow(bench: Bench): Promise<Window> {
  for (;;) {
    const first = await verdictOf(bench, period() + 1);
    const before = countersOf(bench);
    const last = await verdictOf(bench, first.period + MEASURED_PERIODS);
    const after = countersOf(bench);
    const asked = (await bench.admin.challenges(bench.node.ready.nodeId)).filter(
      (one) => one.period > first.period && one.period <= last.period,
    );
    if (asked.every(({ outcome }) => outcome === 'passed')) return { before, after, count: asked.length, last };
    if (asked.some(({ outcome }) => outcome === 'failed')) throw new Error('an honest node failed');
  }
}

async function report(bench: Bench): Promise<void> {
  const { before, after, count, last } = await measureWindow(bench);
  const { text } = await bench.admin.evidence(last.challengeId);
  const { transcript } = JSON.parse(text) as { transcript: { challenge: string } };
  const context = { network: 'regtest', mediatorId: bench.mediator.mediatorId } as const;
  const { samples } = openChallenge(context, transcript.challenge);
  const { storedBytes } = await bench.admin.standing(bench.node.ready.nodeId);
  const wireBytes = (after.wireBytes - before.wireBytes) / count;
  const cells = [
    `${(storedBytes / 1e9).toFixed(1)} GB`.padEnd(6),
    String(samples.length).padStart(8),
    String(new Set(samples.map(shardKeyOf)).size).padStart(8),
    (wireBytes / 1e6).toFixed(3).padStart(16),
    ((after.readBytes - before.readBytes) / count / 1e6).toFixed(1).padStart(9),
    (((after.cpuSeconds - before.cpuSeconds) * 1000) / count).toFixed(0).padStart(20),
  ];
  process.stdout.write(`${cells.join(' ')}\n`);
}
