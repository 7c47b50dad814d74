import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from '@jest/globals';
import { describeWith } from '@holdfast/testkit';
import { sql } from 'drizzle-orm';
import { openTestChallenges, type TestChallenges, type TestHolder } from '../testing/test-challenges.ts';
import { addCrashes } from '../testing/test-crashes.ts';
import { holdDatabaseServer } from '../testing/test-mediator.ts';
import { createTestRedis } from '../testing/test-redis.ts';
import type { WorkProcess } from '../testing/test-worker.ts';

let release: () => Promise<void>;
let world: TestChallenges;
let node: TestHolder;
let other: TestHolder;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());
beforeEach(async () => {
  world = await openTestChallenges();
  const client = await world.client();
  [node, other] = [await world.node(), await world.node()];
  await client.store([node, other], 4);
  await world.nextPeriod();
});
afterEach(async () => {
  expect(await world.ledger.ledger.findFaults()).toEqual([]);
  await world.close();
});

const settlementsOf = async (holder: TestHolder) => world.ledger.settlements.list(holder.nodeId, { limit: 10 });

describe('a connection that dies before any statement', () => {
  /** Until it came through without a crash. Resolves to how many there were. */
  const runThroughCrashes = async (run: () => Promise<unknown>): Promise<number> => {
    const crashes = addCrashes(world.database);
    for (let after = 0; ; after += 1) {
      crashes.arm(after);
      await run().catch(() => undefined);
      if (!crashes.disarm()) return after;
    }
  };

  test('of the judgement leaves all of it or nothing', async () => {
    await world.issueAll();
    node.held.delete([...node.held.keys()][0]!);
    await world.answer(node);
    await world.answer(other);
    expect(await runThroughCrashes(() => world.challenges.work.judge())).toBeGreaterThan(15);
    for (const [holder, verdict] of [
      [node, 'failed'],
      [other, 'passed'],
    ] as const) {
      expect(await settlementsOf(holder)).toMatchObject([{ verdict }]);
      expect(await world.challenges.list(holder.nodeId, { limit: 10 })).toMatchObject([{ outcome: verdict }]);
    }
    expect((await world.challenges.reputationOf(node.nodeId))!.reputation).toMatchObject({ failedPeriods: 1 });
    expect((await world.challenges.reputationOf(other.nodeId))!.reputation).toMatchObject({ passedPeriods: 1 });
  });

  test('of a report of losses leaves all of it or nothing', async () => {
    await world.issueAll();
    const [lost] = [...node.held.values()];
    await runThroughCrashes(() => world.report(node, [lost!]));
    await world.judgeAll();
    expect(await world.challenges.list(node.nodeId, { limit: 1 })).toMatchObject([
      { outcome: 'failed', shardsLost: 1 },
    ]);
  });
});

const PROGRAM = fileURLToPath(new URL('../testing/test-worker.ts', import.meta.url));
/** Held by the test: who settles waits for it in the middle of its transaction. */
const GATE = 77;

/** Who wakes the workers. */
interface Waker {
  readonly redisUrl?: string;
  stop(): Promise<void>;
}
type Restart = (waker: Waker) => Promise<unknown>;

/** When one of its processes is killed, the server ends all the others and recovers. */
async function crashPostgres(): Promise<void> {
  const { rows } = await world.database.execute<{ pid: number }>(sql`
    SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1`);
  process.kill(rows[0]!.pid, 'SIGKILL');
  await until(() =>
    world.database.execute(sql`SELECT`).then(
      () => true,
      () => false,
    ),
  );
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(20);
}

/** Lets so many settlements through; who makes another one waits in the middle of it. */
async function openGate(letsThrough: number) {
  const gate = await world.ledger.connect();
  await gate.query(`
    CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF (SELECT count(*) FROM settlements) > ${letsThrough} THEN PERFORM pg_advisory_xact_lock_shared(${GATE}); END IF;
      RETURN NULL;
    END $$;
    CREATE TRIGGER settlements_gate AFTER INSERT ON settlements FOR EACH ROW EXECUTE FUNCTION wait_at_gate()`);
  await gate.query(`SELECT pg_advisory_lock(${GATE})`);
  return {
    async somebodyWaits(): Promise<boolean> {
      const { rows } = await gate.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${GATE} AND NOT granted`,
      );
      return rows.length > 0;
    },
    /** A server that crashed has opened it already. */
    open: () => gate.end().catch(() => undefined),
  };
}

function startWorker({ redisUrl }: Waker): ChildProcess {
  const about: WorkProcess = {
    databaseUrl: world.ledger.url,
    ...(redisUrl !== undefined && { redisUrl }),
    dataDir: world.dataDir,
    nowMs: world.clock.nowMs(),
    periodMs: world.rules.periodMs,
  };
  return spawn(process.execPath, ['-C', '@holdfast/source', PROGRAM, JSON.stringify(about)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

const isAtWork = (worker: ChildProcess): Promise<unknown> => once(worker.stdout!, 'data');

async function kill(worker: ChildProcess): Promise<void> {
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

/** Each of them was settled once, as passed, and that is what is known of it. */
async function expectSettledOnce(holders: readonly TestHolder[]): Promise<void> {
  for (const holder of holders) {
    const settlements = await settlementsOf(holder);
    expect(settlements.filter(({ verdict }) => verdict !== 'void')).toMatchObject([{ verdict: 'passed' }]);
    expect((await world.challenges.reputationOf(holder.nodeId))!.reputation.passedPeriods).toBe(1);
  }
}

const LATER_NODES = 12;
const SETTLED_BEFORE = 4;

/** More nodes, whose answers wait to be judged. */
async function manyAnswers(): Promise<TestHolder[]> {
  const owner = await world.client();
  const holders: TestHolder[] = [];
  while (holders.length < LATER_NODES) {
    const group = [await world.node(), await world.node(), await world.node(), await world.node()];
    await owner.store(group, 1);
    holders.push(...group);
  }
  await world.nextPeriod();
  await world.issueAll();
  for (const holder of holders) await world.answer(holder);
  return holders;
}

/** The same for whatever wakes the workers. */
function suite(startWaker: () => Promise<Waker>, restarts: readonly (readonly [string, Restart])[]): void {
  let waker: Waker;
  const workers: ChildProcess[] = [];
  const start = (): ChildProcess => {
    const worker = startWorker(waker);
    workers.push(worker);
    return worker;
  };
  beforeEach(async () => {
    waker = await startWaker();
  });
  afterEach(async () => {
    for (const worker of workers.splice(0))
      if (worker.exitCode === null && worker.signalCode === null) await kill(worker);
    await waker.stop();
  });

  test('killed in the middle of a settlement leaves nothing, and the next one does it all', async () => {
    await world.issueAll();
    await world.answer(node);
    await world.answer(other);
    const gate = await openGate(0);
    const first = start();
    await until(() => gate.somebodyWaits());
    await kill(first);
    expect(await settlementsOf(node)).toEqual([]);
    expect(await settlementsOf(other)).toEqual([]);
    await gate.open();

    start();
    await until(async () => (await settlementsOf(node)).length > 0 && (await settlementsOf(other)).length > 0);
    await expectSettledOnce([node, other]);
  });

  test.each(restarts)(
    'goes on after %s was killed and came back in the middle of many settlements: each is made once',
    async (_, restart) => {
      const holders = await manyAnswers();
      const { rows } = await world.database.execute<{ count: number }>(
        sql`SELECT count(*)::int AS count FROM settlements`,
      );
      const gate = await openGate(rows[0]!.count + SETTLED_BEFORE);
      const [first, second] = [start(), start()];
      // Who is only starting may give up.
      await Promise.all([first, second].map(isAtWork));
      await until(() => gate.somebodyWaits());
      await restart(waker);
      await kill(first);
      const third = start();
      await gate.open();
      const isSettled = (holder: TestHolder): Promise<boolean> =>
        settlementsOf(holder).then(
          (list) => list.length > 0,
          () => false,
        );
      for (const holder of holders) await until(() => isSettled(holder));
      await expectSettledOnce(holders);
      // Nobody had to start them again.
      expect([second.exitCode, third.exitCode]).toEqual([null, null]);
    },
  );
}

await describeWith([], 'a worker woken by Postgres', () =>
  suite(async () => ({ stop: async () => undefined }), [['Postgres', crashPostgres]]),
);
await describeWith(['redis-server'], 'a worker woken by Redis', (program) => {
  const servers = new Map<Waker, Awaited<ReturnType<typeof createTestRedis>>>();
  const startRedis = async (): Promise<Waker> => {
    const redis = await createTestRedis(program ?? '');
    await redis.start();
    const waker = { redisUrl: redis.url, stop: () => redis.stop() };
    servers.set(waker, redis);
    return waker;
  };
  const restartRedis: Restart = async (waker) => {
    await servers.get(waker)!.kill();
    await servers.get(waker)!.start();
  };
  suite(startRedis, [
    ['Redis', restartRedis],
    ['Postgres', crashPostgres],
  ]);
});
