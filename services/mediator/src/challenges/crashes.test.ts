import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, test } from '@jest/globals';
import { describeWith } from '@holdfast/testkit';
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

function killedWorker(redisOf: () => Promise<{ redisUrl?: string; stop(): Promise<void> }>): void {
  test('killed in the middle of a settlement leaves nothing, and the next one does it all', async () => {
    const redis = await redisOf();
    await world.issueAll();
    await world.answer(node);
    await world.answer(other);
    const gate = await world.ledger.connect();
    await gate.query(`
      CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_advisory_xact_lock_shared(${GATE}); RETURN NULL; END $$;
      CREATE TRIGGER settlements_gate AFTER INSERT ON settlements FOR EACH ROW EXECUTE FUNCTION wait_at_gate()`);
    await gate.query(`SELECT pg_advisory_lock(${GATE})`);
    const isWaiting = async (): Promise<boolean> => {
      const { rows } = await gate.query(
        `SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = ${GATE} AND NOT granted`,
      );
      return rows.length > 0;
    };
    const start = (): ChildProcess => {
      const about: WorkProcess = {
        databaseUrl: world.ledger.url,
        ...(redis.redisUrl !== undefined && { redisUrl: redis.redisUrl }),
        dataDir: world.dataDir,
        nowMs: world.clock.nowMs(),
        periodMs: world.rules.periodMs,
      };
      return spawn(process.execPath, ['-C', '@holdfast/source', PROGRAM, JSON.stringify(about)], { stdio: 'inherit' });
    };
    const kill = async (worker: ChildProcess): Promise<void> => {
      worker.kill('SIGKILL');
      await once(worker, 'exit');
    };

    const first = start();
    while (!(await isWaiting())) await sleep(20);
    await kill(first);
    expect(await settlementsOf(node)).toEqual([]);
    expect(await settlementsOf(other)).toEqual([]);
    await gate.query(`SELECT pg_advisory_unlock(${GATE})`);

    const second = start();
    while ((await settlementsOf(node)).length === 0 || (await settlementsOf(other)).length === 0) await sleep(20);
    await kill(second);
    for (const holder of [node, other]) {
      expect(await settlementsOf(holder)).toMatchObject([{ verdict: 'passed' }]);
      expect((await world.challenges.reputationOf(holder.nodeId))!.reputation.passedPeriods).toBe(1);
    }
    await gate.end();
    await redis.stop();
  }, 60_000);
}

await describeWith([], 'a worker woken by Postgres', () => killedWorker(async () => ({ stop: async () => undefined })));
await describeWith(['redis-server'], 'a worker woken by Redis', (program) =>
  killedWorker(async () => {
    const redis = await createTestRedis(program ?? '');
    await redis.start();
    return { redisUrl: redis.url, stop: () => redis.kill() };
  }),
);
