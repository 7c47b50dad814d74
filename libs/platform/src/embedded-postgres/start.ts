/** Postgres in a directory, as a part of this process: real server, real durability, nothing to install. */
import { chmod, chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { errorText, PlatformError } from '../errors.ts';
import { acquireFileLock } from '../file-lock.ts';
import type { Logger } from '../log.ts';
import { startSentinel } from '../sentinel.ts';
import { canTraverse, chooseAccount, type Account } from './account.ts';
import { findPackage, prepareBinaries } from './binaries.ts';
import { clusterPaths, openCluster, type ClusterPaths } from './cluster.ts';
import { ensureDatabase } from './databases.ts';
import { PID_FILE, stopLeftover } from './leftover.ts';
import { startServer } from './server.ts';
import { templateDirectory } from './template.ts';

export interface EmbeddedPostgresOptions {
  /** Made when missing; holds the cluster, its password and a lock. One process at a time. */
  readonly dataDir: string;
  readonly logger: Logger;
  /**
   * `full` (default): as Postgres is. `test`: no fsync; a crash of the machine may cost the data, a crash of a process
   * does not. A new cluster is then a copy, where the tests' runner has a place for one (see template.ts).
   */
  readonly durability?: 'full' | 'test';
  /** The database behind `url`, made when missing. Default `holdfast`. */
  readonly database?: string;
  /** Server settings that win over ours, such as `{ max_connections: '50' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /**
   * As root, the server runs as `postgres` or `nobody`. Where that user cannot get to `dataDir`: `refuse` (default)
   * throws `postgres.data-unreachable`; `temporary` puts the data under the temporary directory instead and removes it
   * at `stop`.
   */
  readonly unreachableData?: 'refuse' | 'temporary';
  /** Default 2 minutes: a recovery after a crash takes its time. */
  readonly startTimeoutMs?: number;
  /** Default 30 s, then the server is ended at once and recovers at the next start. */
  readonly stopTimeoutMs?: number;
}

export interface EmbeddedPostgres {
  /** `postgres://…@127.0.0.1:port/<database>`, with the password. */
  readonly url: string;
  /** The same server's database `postgres`, for `createDatabase` and `dropDatabase`. */
  readonly adminUrl: string;
  /** True when `stop` removes the data. */
  readonly isTemporary: boolean;
  /** The server's process. */
  readonly pid: number;
  /** Stops the server; further calls wait for the same end. Close pools first: open connections are cut. */
  stop(): Promise<void>;
}

const DURABILITY_SETTINGS = {
  full: {},
  test: { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off', autovacuum_naptime: '1min' },
} as const;

/**
 * Starts the server (about 0.6 s for a new directory, less than 0.1 s later) on 127.0.0.1 and a free port. It does not
 * outlive this process: a signal to the terminal's group does not reach it, `stop` ends it, and so does the death of
 * this process, however that comes.
 * Errors: `file.locked` (another process uses the directory), `postgres.*`.
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const cleanups: (() => void | Promise<void>)[] = [];
  const cleanUp = async (): Promise<void> => {
    for (let cleanup = cleanups.pop(); cleanup !== undefined; cleanup = cleanups.pop()) await cleanup();
  };
  try {
    return await start(options, cleanups, cleanUp);
  } catch (error) {
    await cleanUp();
    throw error;
  }
}

async function start(
  options: EmbeddedPostgresOptions,
  cleanups: (() => void | Promise<void>)[],
  cleanUp: () => Promise<void>,
): Promise<EmbeddedPostgres> {
  const durability = options.durability ?? 'full';
  const wanted = clusterPaths(resolve(options.dataDir));
  const account = chooseAccount(wanted.cluster);
  let temporary: string | undefined;
  const temporaryDirectory = async (): Promise<string> => {
    temporary ??= await makeTemporaryDirectory(account);
    const made = temporary;
    cleanups.unshift(() => rm(made, { recursive: true, force: true }));
    return made;
  };

  const binaries = await prepareBinaries(findPackage(), account, temporaryDirectory);
  const paths = await placeData(wanted, account, options, temporaryDirectory);
  const isTemporary = paths !== wanted;

  const lock = acquireFileLock(paths.lock);
  cleanups.push(() => lock.release());
  await stopLeftover(paths.cluster, options.logger);
  const isTest = durability === 'test';
  const template = isTest ? templateDirectory() : undefined;
  const password = await openCluster(paths, binaries, account, { sync: !isTest, template });
  const sentinel = startSentinel(join(paths.cluster, PID_FILE), account, temporary);
  cleanups.push(() => sentinel.dismiss());
  const server = await startServer({
    postgres: binaries.postgres,
    cluster: paths.cluster,
    account,
    settings: { ...DURABILITY_SETTINGS[durability], ...options.settings },
    logger: options.logger,
    sentinel,
    startTimeoutMs: options.startTimeoutMs ?? 120_000,
    stopTimeoutMs: options.stopTimeoutMs ?? 30_000,
  });
  cleanups.push(() => server.stop());

  const adminUrl = `postgres://postgres:${encodeURIComponent(password)}@127.0.0.1:${server.port}/postgres`;
  const url = await connectFirst(adminUrl, options.database ?? 'holdfast', paths);
  let stopped: Promise<void> | undefined;
  return { url, adminUrl, isTemporary, pid: server.pid, stop: () => (stopped ??= cleanUp()) };
}

async function connectFirst(adminUrl: string, database: string, paths: ClusterPaths): Promise<string> {
  try {
    return await ensureDatabase(adminUrl, database);
  } catch (error) {
    throw new PlatformError(
      'postgres.connect-failed',
      `The database server on ${paths.cluster} is up but refuses us: ${errorText(error)}.`,
      `Check that ${paths.password} holds the password that this database was made with.`,
      { cause: error },
    );
  }
}

/**
 * Makes the data directory, or finds the place instead of it; returns `wanted` itself when that is where the data goes.
 */
async function placeData(
  wanted: ClusterPaths,
  account: Account | undefined,
  options: EmbeddedPostgresOptions,
  temporaryDirectory: () => Promise<string>,
): Promise<ClusterPaths> {
  await mkdir(wanted.root, { recursive: true, mode: account === undefined ? 0o700 : 0o711 });
  if (account !== undefined) await chmod(wanted.root, 0o711);
  if (canTraverse(wanted.root, account)) return wanted;
  if (options.unreachableData !== 'temporary') {
    throw new PlatformError(
      'postgres.data-unreachable',
      `Started by root, Postgres runs as uid ${account?.uid ?? 'ours'}, which cannot get to ${wanted.root}.`,
      'Choose a data directory that every user can traverse, start this as an ordinary user, or set DATABASE_URL.',
    );
  }
  const paths = clusterPaths(join(await temporaryDirectory(), 'data'));
  await mkdir(paths.root, { mode: 0o711 });
  if (account !== undefined) await chown(paths.root, account.uid, account.gid);
  options.logger.warn(
    { dataDir: wanted.root, temporary: paths.root },
    'the database lies in the temporary directory until the end, because its user cannot get to the data directory',
  );
  return paths;
}

/** Owned by the server's user, so that the sentinel can remove it. */
async function makeTemporaryDirectory(account: Account | undefined): Promise<string> {
  const base = [tmpdir(), '/tmp', '/var/tmp'].find((directory) => canTraverse(directory, account)) ?? tmpdir();
  const made = await mkdtemp(join(base, 'holdfast-postgres-'));
  await chmod(made, 0o755);
  if (account !== undefined) await chown(made, account.uid, account.gid);
  return made;
}
