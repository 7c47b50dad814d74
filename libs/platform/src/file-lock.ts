/**
 * A lock between processes which the kernel lets go when its holder dies: an exclusive SQLite transaction on an empty
 * file.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { PlatformError, errorText } from './errors.ts';

export interface FileLock {
  /** Lets go; further calls do nothing. */
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Takes the lock at `path` (an empty file that stays; who holds it stands in `<path>.owner`) or throws
 * `file.locked` at once. It is let go by `release` or by the end of the process, however that ends, so there
 * are no stale locks, nor a wrong guess from a process id that another container or a reboot gave out again. Works
 * between processes and within one.
 * While it is held, this process must not open the lock file by other means: POSIX drops a file's locks when any
 * descriptor of it closes.
 */
export function acquireFileLock(path: string): FileLock {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (error) {
    database?.close();
    throw lockError(path, error);
  }
  const held = database;
  const ownerPath = `${path}.owner`;
  writeFileSync(ownerPath, `${JSON.stringify({ pid: process.pid, host: hostname() })}\n`, { mode: 0o644 });
  let released = false;
  return {
    release() {
      if (released) return;
      released = true;
      rmSync(ownerPath, { force: true });
      held.close();
    },
  };
}

function lockError(path: string, error: unknown): PlatformError {
  const sqliteCode = typeof error === 'object' && error !== null && 'errcode' in error ? error.errcode : undefined;
  if (sqliteCode === SQLITE_BUSY) {
    return new PlatformError(
      'file.locked',
      `${path} is held by ${describeOwner(path)}.`,
      'Stop that one first, or give this one a directory of its own.',
      { cause: error },
    );
  }
  return new PlatformError(
    'file.lock-failed',
    `The lock ${path} cannot be taken: ${errorText(error)}.`,
    'Check that its directory exists and can be written.',
    { cause: error },
  );
}

function describeOwner(path: string): string {
  try {
    const owner = JSON.parse(readFileSync(`${path}.owner`, 'utf8')) as { pid?: unknown; host?: unknown };
    return `process ${String(owner.pid)} on ${String(owner.host)}`;
  } catch {
    return 'another process';
  }
}
