/** Opens `catalog.sqlite`: what the client remembers, all of it rebuildable from the vault. */
import { DatabaseSync } from 'node:sqlite';
import { fail } from '@holdfast/protocol';

const SCHEMA_VERSION = 1;
const BUSY_TIMEOUT_MS = 15_000;

const SCHEMA = `
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
-- Committed packs of the vault. indexed: named by an index pack of the head that was read or written last.
CREATE TABLE packs (
  number INTEGER PRIMARY KEY,
  pack_id BLOB NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  data_shards INTEGER NOT NULL,
  parity_shards INTEGER NOT NULL,
  shard_length_bytes INTEGER NOT NULL,
  contents BLOB NOT NULL,
  indexed INTEGER NOT NULL
) STRICT;
CREATE INDEX packs_not_indexed ON packs (number) WHERE indexed = 0;
-- Index packs whose contents were read into packs.
CREATE TABLE index_packs (pack_id BLOB PRIMARY KEY) STRICT, WITHOUT ROWID;
-- Directories as a backup saw them: the tree that was stored, and pages of entries with what lstat said.
CREATE TABLE directories (
  path BLOB PRIMARY KEY,
  run INTEGER NOT NULL,
  page_count INTEGER NOT NULL,
  tree BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE directory_pages (
  path BLOB NOT NULL,
  run INTEGER NOT NULL,
  page INTEGER NOT NULL,
  identities BLOB NOT NULL,
  entries BLOB NOT NULL,
  PRIMARY KEY (path, run, page)
) STRICT, WITHOUT ROWID;
`;

/** @throws HoldfastError `client.state-damaged` */
export function openDatabase(path: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;');
    // Bounded: page cache and memory-mapped part are outside of V8's heap.
    database.exec('PRAGMA cache_size = -8192; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 16777216;');
    inTransaction(database, () => createSchema(database!, path));
    return database;
  } catch (error) {
    database?.close();
    throw asStateError(path, error);
  }
}

function createSchema(database: DatabaseSync, path: string): void {
  const { user_version: version } = database.prepare('PRAGMA user_version').get() as { user_version: number };
  if (version === SCHEMA_VERSION) return;
  if (version !== 0)
    throw fail('client.state-damaged', { path, detail: `it has version ${version}; update holdfast.` });
  database.exec(SCHEMA);
  database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/** Runs `work` in one transaction; all of it or nothing stays. */
export function inTransaction<T>(database: DatabaseSync, work: () => T): T {
  database.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    database.exec('COMMIT');
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}

const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** Damage is told apart from everything else that SQLite may say. */
export function asStateError(path: string, error: unknown): unknown {
  const code = ((error as { errcode?: unknown } | null)?.errcode as number | undefined) ?? 0;
  const primary = code & 0xff;
  if (primary !== SQLITE_CORRUPT && primary !== SQLITE_NOTADB) return error;
  return fail('client.state-damaged', { path, detail: (error as Error).message }, error);
}
