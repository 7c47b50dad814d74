/** SQLite files that may be damaged: they hold nothing that cannot be had again, so the node starts without them. */
import { existsSync, renameSync } from 'node:fs';
import { basename } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { errorText, systemErrorCode } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';

export interface OpenSqlite {
  readonly path: string;
  /** Run at each start. */
  readonly schema: string;
  /** Stands in the name of a damaged file that is moved aside. */
  readonly nowMs: number;
  readonly onDamaged: (detail: string) => void;
}

export interface OpenedSqlite {
  readonly database: DatabaseSync;
  /** Whether it was made now. */
  readonly isNew: boolean;
}

/** SQLITE_CORRUPT and SQLITE_NOTADB. Anything else (no room, no right to write) is no reason to begin anew. */
const DAMAGED = [11, 26];

/** Opens and checks the database; a damaged one is moved aside and begun anew. @throws HoldfastError `node.bad-data-dir` */
export function openSqlite(options: OpenSqlite): OpenedSqlite {
  const { path, nowMs } = options;
  const wasThere = existsSync(path);
  try {
    return { database: openChecked(options), isNew: !wasThere };
  } catch (error) {
    if (!isDamage(error)) throw fail('node.bad-data-dir', { detail: `${basename(path)}: ${errorText(error)}` }, error);
    options.onDamaged(errorText(error));
    for (const suffix of ['', '-wal', '-shm']) {
      if (existsSync(path + suffix)) renameSync(path + suffix, `${path}.damaged-${nowMs}${suffix}`);
    }
    return { database: openChecked(options), isNew: true };
  }
}

const isDamage = (error: unknown): boolean => {
  const { errcode } = error as { errcode?: unknown };
  return (
    error instanceof RangeError ||
    (typeof errcode === 'number' && DAMAGED.includes(errcode & 0xff)) ||
    systemErrorCode(error) === 'EIO'
  );
};

function openChecked({ path, schema }: OpenSqlite): DatabaseSync {
  const database = new DatabaseSync(path);
  try {
    database.exec(schema);
    const check = database.prepare('PRAGMA quick_check(1)').get() as { quick_check: string };
    if (check.quick_check !== 'ok') throw new RangeError(check.quick_check);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Runs all of it or nothing. */
export function transaction(database: DatabaseSync, run: () => void): void {
  database.exec('BEGIN IMMEDIATE');
  try {
    run();
    database.exec('COMMIT');
  } catch (error) {
    // A full disk has rolled back already.
    if (database.isTransaction) database.exec('ROLLBACK');
    throw error;
  }
}
