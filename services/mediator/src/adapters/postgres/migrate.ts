/** Brings the database to the schema of this program, one process at a time. */
import { fileURLToPath } from 'node:url';
import { drizzle } from 'drizzle-orm/node-postgres';
import { migrate } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { LOCKS } from './alone.ts';

/** The same from src/ and from dist/. */
const MIGRATIONS = fileURLToPath(new URL('../../../migrations', import.meta.url));

export async function migrateDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: 'holdfast-mediator-migrations' });
  // A connection that breaks is told by the next query, which fails.
  client.on('error', () => undefined);
  await client.connect();
  try {
    // The migrator itself takes no lock.
    await client.query('SELECT pg_advisory_lock($1)', [LOCKS.migrations]);
    await migrate(drizzle({ client }), { migrationsFolder: MIGRATIONS });
  } finally {
    await client.end();
  }
}
