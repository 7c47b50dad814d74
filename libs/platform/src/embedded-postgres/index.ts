/** Postgres from npm's binaries, started and stopped with this process. */
export { createDatabase, databaseUrl, dropDatabase, ensureDatabase } from './databases.ts';
export { startEmbeddedPostgres, type EmbeddedPostgres, type EmbeddedPostgresOptions } from './start.ts';
