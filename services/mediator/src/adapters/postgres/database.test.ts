/** Connections that break at the worst moments: the process goes on, and the pool gets every place back. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createCapturedLogger } from '@holdfast/platform';
import { sql } from 'drizzle-orm';
import { Client, type PoolClient } from 'pg';
import { freshDatabase, holdDatabaseServer } from '../../testing/test-mediator.ts';
import { type Database, inTransaction, openDatabase, pingDatabase, translateDatabaseError } from './database.ts';

const MAX_CONNECTIONS = 2;

let release: () => Promise<void>;
let url: string;
let database: Database;
const log = createCapturedLogger('debug');

beforeAll(async () => {
  release = await holdDatabaseServer();
  url = await freshDatabase();
  database = openDatabase({ url, logger: log.logger, maxConnections: MAX_CONNECTIONS });
});

afterAll(async () => {
  await database.$client.end();
  await release();
});

/** As a restart of the server does. */
async function endAllConnections(): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  await client.query(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()`);
  await client.end();
}

const outcomeOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'done',
    (error: unknown) => translateDatabaseError(error)?.code ?? error,
  );

describe('a connection that breaks', () => {
  test('between two queries of a transaction', async () => {
    for (let round = 0; round < 2 * MAX_CONNECTIONS; round += 1) {
      const work = inTransaction(database, async (tx) => {
        await tx.execute(sql`SELECT 1`);
        await endAllConnections();
        // Long enough for the end to be noticed while no query is under way.
        await new Promise((resolve) => setTimeout(resolve, 50));
        await tx.execute(sql`SELECT 2`);
      });
      expect(await outcomeOf(work)).toBe('database.unavailable');
    }
    await pingDatabase(database);
  });

  test('when the transaction begins', async () => {
    const cut = (client: PoolClient): void => {
      (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
    };
    database.$client.on('acquire', cut);
    for (let round = 0; round < 2 * MAX_CONNECTIONS; round += 1) {
      const work = inTransaction(database, (tx) => tx.execute(sql`SELECT 1`));
      expect(await outcomeOf(work)).toBe('database.unavailable');
    }
    database.$client.off('acquire', cut);
    expect(await outcomeOf(inTransaction(database, (tx) => tx.execute(sql`SELECT 1`)))).toBe('done');
  });

  test('while it is idle: the log says so, without the connection’s particulars', async () => {
    await Promise.all([pingDatabase(database), pingDatabase(database)]);
    await endAllConnections();
    for (let tries = 0; !log.text().includes('a database connection broke') && tries < 3_000; tries += 1) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // The other one may break a moment later, under this query.
    await outcomeOf(pingDatabase(database));
    await pingDatabase(database);
    expect(log.text()).toContain('a database connection broke');
    expect(log.text()).not.toContain('connectionParameters');
    expect(log.text()).not.toContain(new URL(url).password);
  });
});
