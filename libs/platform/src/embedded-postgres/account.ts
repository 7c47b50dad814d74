/** Postgres refuses to run as root: whom it runs as then, and whether that user gets to a path. */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { PlatformError } from '../errors.ts';

/** Undefined everywhere means: as we are. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const CANDIDATES = ['postgres', 'nobody'];

/** As root: the owner of an existing cluster, else `postgres`, else `nobody`. Otherwise undefined. */
export function chooseAccount(clusterDirectory: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const stat = statSync(clusterDirectory, { throwIfNoEntry: false });
  if (stat !== undefined && stat.uid !== 0) return { uid: stat.uid, gid: stat.gid };
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of CANDIDATES) {
    const user = users.find((fields) => fields[0] === name);
    const uid = Number(user?.[2]);
    const gid = Number(user?.[3]);
    if (Number.isInteger(uid) && uid > 0 && Number.isInteger(gid)) return { uid, gid };
  }
  throw new PlatformError(
    'postgres.no-account',
    'Postgres does not run as root, and there is neither a user postgres nor a user nobody to run it as.',
    'Start this as an ordinary user, or set DATABASE_URL to a Postgres server.',
  );
}

/**
 * Whether that account can read and execute (a program) or traverse (a directory) the path: asked of the system, by
 * that account.
 */
export function canReach(path: string, account: Account | undefined): boolean {
  const asked = spawnSync('/bin/sh', ['-c', 'test -r "$1" && test -x "$1"', 'sh', path], {
    ...account,
    cwd: '/',
    stdio: 'ignore',
  });
  return asked.status === 0;
}

/** Whether that account can pass through the directory, even where it may not list it. */
export function canTraverse(directory: string, account: Account | undefined): boolean {
  const asked = spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', directory], {
    ...account,
    cwd: '/',
    stdio: 'ignore',
  });
  return asked.status === 0;
}
