/** Makes a database cluster: all or nothing, with a password of its own. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, PlatformError, systemErrorCode } from '../errors.ts';
import { fsyncDirectory, writeFileDurably } from '../files.ts';
import type { Account } from './account.ts';
import type { PostgresBinaries } from './binaries.ts';
import { copyTemplate, keepAsTemplate } from './template.ts';

/** What lies in a data directory of ours. */
export interface ClusterPaths {
  readonly root: string;
  /** Postgres' own data directory. */
  readonly cluster: string;
  /** The superuser's password, mode 0600. */
  readonly password: string;
  readonly lock: string;
}

const INIT_PREFIX = 'init-';

export function clusterPaths(root: string): ClusterPaths {
  return {
    root,
    cluster: join(root, 'cluster'),
    password: join(root, 'password'),
    lock: join(root, 'lock'),
  };
}

/** The programs' environment: ours without what would change a locale or a connection. */
export function cleanEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(?:LANG|LANGUAGE|LC_.*|PG.*|NODE_.*)$/.test(name));
  return Object.fromEntries(kept);
}

export interface ClusterOptions {
  readonly sync: boolean;
  /** For tests: where a cluster that was made before is copied from, and the first one is kept. */
  readonly template?: string | undefined;
}

/**
 * Returns the password of the cluster in `paths`, having made it where there is none. A crash leaves either no cluster
 * (leftovers are removed the next time) or a whole one. Call it under the lock.
 */
export async function openCluster(
  paths: ClusterPaths,
  binaries: PostgresBinaries,
  account: Account | undefined,
  options: ClusterOptions,
): Promise<string> {
  for (const name of await readdir(paths.root)) {
    if (name.startsWith(INIT_PREFIX)) await rm(join(paths.root, name), { recursive: true, force: true });
  }
  if (await isCluster(paths.cluster)) return readPassword(paths);
  const workshop = await mkdtemp(join(paths.root, INIT_PREFIX));
  const made = join(workshop, 'cluster');
  let password = await copyTemplate(options.template, made);
  const isCopy = password !== undefined;
  password ??= randomBytes(24).toString('base64url');
  try {
    await writeFileDurably(paths.password, `${password}\n`, { mode: 0o600 });
    if (account !== undefined) await chown(workshop, account.uid, account.gid);
    if (!isCopy) await runInitdb(binaries.initdb, workshop, password, account, options.sync);
    if (!isCopy) await keepAsTemplate(options.template, made, password);
    await rename(made, paths.cluster);
    await fsyncDirectory(paths.root);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return password;
}

async function isCluster(directory: string): Promise<boolean> {
  try {
    await readFile(join(directory, 'PG_VERSION'));
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

async function readPassword(paths: ClusterPaths): Promise<string> {
  try {
    return (await readFile(paths.password, 'utf8')).trim();
  } catch (error) {
    throw new PlatformError(
      'postgres.password-missing',
      `The password of the database in ${paths.root} cannot be read: ${errorText(error)}.`,
      `Restore the file ${paths.password}, or run this as the user who made it.`,
      { cause: error },
    );
  }
}

async function runInitdb(
  initdb: string,
  workshop: string,
  password: string,
  account: Account | undefined,
  sync: boolean,
): Promise<void> {
  const passwordFile = join(workshop, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (account !== undefined) await chown(passwordFile, account.uid, account.gid);
  const cluster = join(workshop, 'cluster');
  await mkdir(cluster, { mode: 0o700 });
  if (account !== undefined) await chown(cluster, account.uid, account.gid);
  const args = ['-D', cluster, '-U', 'postgres', `--pwfile=${passwordFile}`, '-A', 'scram-sha-256', '--encoding=UTF8'];
  args.push('--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--no-instructions');
  if (!sync) args.push('--no-sync');
  const { status, output } = await run(initdb, args, workshop, account);
  if (status === 0) return;
  const isUnknownUser = output.includes('effective user ID');
  throw new PlatformError(
    'postgres.init-failed',
    `The database could not be created (initdb: ${status}): ${output.trim().split('\n').slice(-3).join(' ')}`,
    isUnknownUser
      ? 'Postgres needs a user that the system knows (an entry in /etc/passwd): start this as one, or set DATABASE_URL.'
      : 'Check space and permissions of the data directory, or set DATABASE_URL to a Postgres server.',
  );
}

function run(
  program: string,
  args: readonly string[],
  cwd: string,
  account: Account | undefined,
): Promise<{ status: number | string; output: string }> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      ...account,
      cwd,
      env: cleanEnvironment(),
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let output = '';
    child.stderr.on('data', (piece) => (output += String(piece)));
    child.once('error', (error) => resolve({ status: 'not started', output: errorText(error) }));
    child.once('close', (code, signal) => resolve({ status: code ?? signal ?? 'unknown', output }));
  });
}
