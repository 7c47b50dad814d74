import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { createSilentLogger } from '@holdfast/platform';
import { describeWith } from '@holdfast/testkit';
import { type Scheduling, WORK_NAMES, type WorkName, type Works } from '../jobs/index.ts';
import { startRestartablePostgres } from '../testing/test-postgres.ts';
import { createTestRedis } from '../testing/test-redis.ts';
import { createQueueScheduling } from './queue.ts';

/** A server that can be stopped and started again where it was. */
interface Backend {
  readonly url: () => { databaseUrl: string; redisUrl?: string };
  restart(): Promise<void>;
  stop(): Promise<void>;
}

async function postgresBackend(): Promise<Backend> {
  const server = await startRestartablePostgres();
  return { url: () => ({ databaseUrl: server.url }), restart: () => server.restart(), stop: () => server.stop() };
}

async function redisBackend(program: string): Promise<Backend> {
  const redis = await createTestRedis(program);
  await redis.start();
  return {
    url: () => ({ databaseUrl: 'postgres://nobody', redisUrl: redis.url }),
    async restart() {
      await redis.kill();
      await redis.start();
    },
    stop: () => redis.stop(),
  };
}

interface Ran {
  readonly works: Works;
  readonly count: Record<WorkName, number>;
}

/** Works that count, and do what a test says. */
function countingWorks(everyMs: number, run: (name: WorkName) => Promise<void> = async () => undefined): Ran {
  const ofEach = <T>(of: (name: WorkName) => T) =>
    Object.fromEntries(WORK_NAMES.map((name) => [name, of(name)])) as Record<WorkName, T>;
  const count = ofEach(() => 0);
  const work = (name: WorkName) => ({
    everyMs,
    run: async () => {
      count[name] += 1;
      await run(name);
    },
  });
  return { works: ofEach(work), count };
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await sleep(10);
}

function suite(open: () => Promise<Backend>): void {
  let backend: Backend;
  const running: Scheduling[] = [];
  beforeAll(async () => {
    backend = await open();
  });
  afterEach(async () => {
    for (const one of running.splice(0)) await one.stop();
  });
  afterAll(() => backend.stop());
  const start = async (works: Works): Promise<Scheduling> => {
    const loggable = (error: unknown): unknown => error;
    const begin = createQueueScheduling({ ...backend.url(), logger: createSilentLogger(), loggable, lockMs: 1_000 });
    const scheduling = await begin(works);
    running.push(scheduling);
    return scheduling;
  };

  test('runs every work again and again, also when one of them fails', async () => {
    const { works, count } = countingWorks(50, async (name) => {
      if (name === 'issue') throw new Error('this time not');
    });
    await start(works);
    await until(() => Object.values(count).every((times) => times >= 3));
  });

  test('is shared by processes: what one leaves, another does', async () => {
    const [one, two] = [countingWorks(50), countingWorks(50)];
    const first = await start(one.works);
    await start(two.works);
    await until(() => one.count.judge > 0 && two.count.judge > 0);
    await first.stop();
    const { judge } = two.count;
    await until(() => two.count.judge > judge + 3);
  });

  test('runs what it is woken for, long before its turn', async () => {
    const { works, count } = countingWorks(3_600_000);
    const scheduling = await start(works);
    await until(() => count.judge > 0);
    const { judge } = count;
    scheduling.wake('judge');
    await until(() => count.judge > judge);
  });

  test('goes by a new interval at once', async () => {
    const slow = countingWorks(3_600_000);
    const before = await start(slow.works);
    before.wake('judge');
    await until(() => slow.count.judge > 0);
    await before.stop();
    const quick = countingWorks(20);
    await start(quick.works);
    await until(() => Object.values(quick.count).every((times) => times >= 3));
  });

  test('goes on when its server was restarted under load', async () => {
    const { works, count } = countingWorks(20, () => sleep(5));
    await start(works);
    await until(() => count.periods > 5);
    await backend.restart();
    const { periods } = count;
    await until(() => count.periods > periods + 10 && count.judge > 10);
  });

  test('lets what runs finish before it stops', async () => {
    let isRunning = false;
    const { works } = countingWorks(50, async () => {
      isRunning = true;
      await sleep(200);
      isRunning = false;
    });
    const scheduling = await start({ ...countingWorks(3_600_000).works, judge: works.judge });
    await until(() => isRunning);
    await scheduling.stop();
    expect(isRunning).toBe(false);
  });
}

await describeWith([], 'works on Postgres', () => suite(postgresBackend));
await describeWith(['redis-server'], 'works on Redis', (program) => suite(() => redisBackend(program ?? '')));
