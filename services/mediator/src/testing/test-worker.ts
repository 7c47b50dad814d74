/**
 * For tests: a worker of its own process over the database of a test, to be killed. Its clock stands still at the time it
 * is given, and it never ends by itself. One argument: `WorkProcess` as JSON. It says when it is at work.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createSilentLogger, createSimulatedClock } from '@holdfast/platform';
import { openDatabase } from '../adapters/postgres/database.ts';
import { openMoney } from '../adapters/postgres/ledger.ts';
import { createQueueScheduling } from '../adapters/queue.ts';
import { WORK_NAMES, type Works } from '../jobs/index.ts';
import { moneyRules } from '../ledger/index.ts';
import { testChallengesOver } from './test-challenges.ts';

export interface WorkProcess {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
  readonly dataDir: string;
  readonly nowMs: number;
  readonly periodMs: number;
}

const { databaseUrl, redisUrl, dataDir, nowMs, periodMs } = JSON.parse(process.argv[2] ?? '') as WorkProcess;
const logger = createSilentLogger();
const database = openDatabase({ url: databaseUrl, logger });
/** A database that was just killed takes nobody while it recovers. */
async function openWhenUp(tries = 200): Promise<Awaited<ReturnType<typeof openMoney>>> {
  try {
    return await openMoney(database, moneyRules(periodMs));
  } catch (error) {
    if (tries === 0) throw error;
    await sleep(50);
    return openWhenUp(tries - 1);
  }
}
const money = await openWhenUp();
const { work } = testChallengesOver({ database, money, dataDir, clock: createSimulatedClock(nowMs) });
const start = createQueueScheduling({
  databaseUrl,
  ...(redisUrl !== undefined && { redisUrl }),
  logger,
  loggable: (error) => error,
  lockMs: 1_000,
});
const everyMs = 100;
const nothing = { everyMs: 3_600_000, run: () => Promise.resolve() };
const others = Object.fromEntries(WORK_NAMES.map((name) => [name, nothing])) as Works;
await start({
  ...others,
  periods: { everyMs, run: () => work.periods() },
  issue: { everyMs, run: () => work.issue() },
  judge: { everyMs, run: () => work.judge() },
});
process.stdout.write('at work\n');
