import { rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createSilentLogger, systemClock } from '@holdfast/platform';
import { openMessage, periodCommitment, periodSecretHash } from '@holdfast/protocol';
import pg from 'pg';
import { startWorker } from './compose.ts';
import { freshDirectory, holdDatabaseServer, startTestMediator } from './testing/test-mediator.ts';

let release: () => Promise<void>;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());

interface PeriodRow {
  starts_at_ms: string;
  committed_at_ms: string;
  commitment: string;
  secret: Buffer | null;
}

const OPTIONS = { clock: systemClock, periodMs: 1_000, challenges: { committedPeriods: 3 } } as const;

test.each([
  ['by the mediator itself', 'queue'],
  ['by a worker beside it', 'workers'],
] as const)('periods follow each other %s: committed to before, in the open afterwards', async (_, scheduling) => {
  const dataDir = freshDirectory();
  const test = await startTestMediator({ ...OPTIONS, scheduling, dataDir });
  const { databaseUrl } = test.mediator;
  const worker =
    scheduling === 'workers'
      ? await startWorker({
          ...OPTIONS,
          dataDir,
          databaseUrl,
          listen: { host: '127.0.0.1', port: 0 },
          network: 'regtest',
          subnetRule: 'local',
          logger: createSilentLogger(),
          processMetrics: false,
        })
      : undefined;
  const client = new pg.Client({ connectionString: test.mediator.databaseUrl });
  await client.connect();
  const revealed = async (): Promise<PeriodRow[]> =>
    (await client.query<PeriodRow>('SELECT * FROM challenge_periods WHERE secret IS NOT NULL ORDER BY period')).rows;
  while ((await revealed()).length < 2) await sleep(50);
  for (const { commitment, secret, starts_at_ms: startsAtMs, committed_at_ms: committedAtMs } of await revealed()) {
    const said = openMessage(periodCommitment, test.context, commitment);
    expect(said).toMatchObject({ periodStartMs: Number(startsAtMs), periodMs: 1_000 });
    expect(Number(committedAtMs)).toBeLessThan(said.periodStartMs);
    expect(periodSecretHash(secret!)).toBe(said.secretHash);
  }
  await client.end();
  await worker?.stop();
  await test.close();
  rmSync(dataDir, { recursive: true, force: true });
});
