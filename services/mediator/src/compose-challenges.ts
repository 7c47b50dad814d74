/** Wires what happens by the clock: challenges, their adapters, and the works that a queue wakes. */
import { hkdfSync } from 'node:crypto';
import { systemClock } from '@holdfast/platform';
import { createFrameArchive } from './adapters/frame-archive.ts';
import { resolveHost } from './adapters/node-probe.ts';
import { createAgreementStore } from './adapters/postgres/agreements.ts';
import { createChallengeStore } from './adapters/postgres/challenges.ts';
import { type Database, translateDatabaseError, withoutParameters } from './adapters/postgres/database.ts';
import { createEventLog } from './adapters/postgres/events.ts';
import type { Money } from './adapters/postgres/ledger.ts';
import { giveUpUnpaid } from './adapters/postgres/giving-up.ts';
import { createSettlementStore } from './adapters/postgres/settlement.ts';
import { createQueueScheduling } from './adapters/queue.ts';
import { createShardReader } from './adapters/shard-reader.ts';
import {
  type ChallengeRules,
  challengeRules,
  type Challenges,
  createChallenges,
  createSecretSeal,
} from './challenges/index.ts';
import type { Base } from './compose-base.ts';
import { runMoney, type Scheduling, workIntervals, type WorkName, type Works } from './jobs/index.ts';

export type ChallengesBase = Omit<Base, 'lifecycle' | 'metrics'>;

/** Rung by whoever has made work; heard once scheduling has begun. */
export interface Bell {
  ring(name: WorkName): void;
  answerBy(scheduling: Pick<Scheduling, 'wake'>): void;
}

export function createBell(): Bell {
  let heardBy: Pick<Scheduling, 'wake'> | undefined;
  return {
    ring: (name) => heardBy?.wake(name),
    answerBy(scheduling) {
      heardBy = scheduling;
    },
  };
}

export function wireChallenges(base: ChallengesBase, database: Database, money: Money, bell: Bell): Challenges {
  const { settings, keys, context, clock, randomness, logger } = base;
  const rules: ChallengeRules = challengeRules(money.rules.periodMs, settings.challenges);
  const signer = { context, key: keys.signingKey };
  // Who has the database alone knows no secret of a period to come.
  const sealKey = new Uint8Array(hkdfSync('sha256', keys.maskKey, new Uint8Array(), 'holdfast/v1/period-secrets', 32));
  return createChallenges({
    store: createChallengeStore(database, money, rules),
    frames: createFrameArchive(settings.dataDir),
    readShard: createShardReader({
      caPem: keys.authority.certPem,
      signer,
      resolve: resolveHost,
      subnetRule: settings.subnetRule,
      clock,
      randomness,
      grantTtlMs: settings.getGrantTtlMs,
    }),
    rules,
    signer,
    seal: createSecretSeal(sealKey, randomness),
    clock,
    randomness,
    logger,
    wake: (work) => bell.ring(work),
    offlineAfterMs: settings.offlineAfterMs,
  });
}

/** All that happens by the clock. */
export function createWorks(
  base: ChallengesBase,
  database: Database,
  money: Money,
  parts: {
    readonly challenges: Challenges;
    readonly housekeeping: () => Promise<void>;
    /** What moves money over the chain. */
    readonly payments: Pick<Works, 'deposits' | 'payouts' | 'reconciliation'>;
  },
): Works {
  const { settings, clock, logger } = base;
  const { work } = parts.challenges;
  const { tickMs, moneyMs } = workIntervals(money.rules.periodMs);
  const agreements = createAgreementStore(database, money);
  const settlements = createSettlementStore(database, money);
  const events = createEventLog(database);
  return {
    periods: { everyMs: tickMs, run: () => work.periods() },
    issue: { everyMs: tickMs, run: () => work.issue() },
    judge: { everyMs: tickMs, run: () => work.judge() },
    retrieve: { everyMs: tickMs, run: () => work.retrieve() },
    money: {
      everyMs: moneyMs,
      run: () =>
        runMoney({
          agreements,
          settlements,
          events,
          clock,
          logger,
          giveUpUnpaid: (nowMs) => giveUpUnpaid(database, money, nowMs),
        }),
    },
    ...parts.payments,
    housekeeping: {
      everyMs: settings.housekeepingMs,
      async run() {
        await parts.housekeeping();
        await work.forget();
      },
    },
  };
}

/** Runs the works of this process with those of all others on the same queue. */
export async function startWorks(
  base: ChallengesBase,
  databaseUrl: string,
  works: Works,
  bell: Bell,
): Promise<{ stop(): Promise<void> }> {
  const { settings, logger } = base;
  if ((settings.scheduling ?? 'queue') !== 'queue') return { stop: () => Promise.resolve() };
  const start = createQueueScheduling({
    ...(settings.redisUrl !== undefined && { redisUrl: settings.redisUrl }),
    databaseUrl,
    logger,
    loggable: (error) => translateDatabaseError(error) ?? withoutParameters(error),
  });
  const scheduling = await start(works);
  bell.answerBy(scheduling);
  return scheduling;
}

const BEATS_PER_OUTAGE = 3;

/** Says again and again that nodes can reach this process. By the machine's clock: a simulated one stands still. */
export function keepLinkAlive(base: ChallengesBase, challenges: Challenges, periodMs: number): { stop(): void } {
  const { settings, logger } = base;
  if (settings.scheduling === 'off') return { stop: () => undefined };
  const { outageMs } = challengeRules(periodMs, settings.challenges);
  return systemClock.schedule(
    Math.max(1, Math.floor(outageMs / BEATS_PER_OUTAGE)),
    () => challenges.noteLinkAlive(),
    (error) =>
      logger.warn({ err: withoutParameters(error) }, 'it could not be noted that nodes can reach this process'),
  );
}
