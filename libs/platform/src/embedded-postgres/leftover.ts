/**
 * A server that outlived whoever started it: found by its pid file, recognised by its command line, stopped before the
 * next starts.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../errors.ts';
import type { Logger } from '../log.ts';

export interface PostmasterFile {
  readonly pid: number;
  /** The port, once it is known. */
  readonly port?: number;
  readonly isReady: boolean;
}

export const PID_FILE = 'postmaster.pid';
const FAST_STOP_MS = 30_000;
const IMMEDIATE_STOP_MS = 5_000;
const POLL_MS = 20;

/** Postgres' own pid file (lines: pid, directory, start, port, socket directory, address, shared memory, status). */
export async function readPostmasterFile(cluster: string): Promise<PostmasterFile | undefined> {
  const text = await readFile(join(cluster, PID_FILE), 'utf8').catch(() => '');
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const port = Number(lines[3]);
  return { pid, isReady: lines[7]?.trim() === 'ready', ...(port > 0 && { port }) };
}

/**
 * Stops a server that still runs on this cluster; removes a pid file that would keep the next from starting. Call it
 * under the lock.
 */
export async function stopLeftover(cluster: string, logger: Logger): Promise<void> {
  const file = await readPostmasterFile(cluster);
  if (file === undefined || !isAlive(file.pid)) return;
  if (!isPostmasterOf(file.pid, cluster)) {
    // The pid was given to somebody else since. Postgres would only see that it is alive, and refuse.
    if (hasProcessIn(cluster)) throw stillRunning(cluster, file.pid);
    await rm(join(cluster, PID_FILE), { force: true });
    return;
  }
  logger.warn({ pid: file.pid }, 'a database server was left running here: stopping it first');
  process.kill(file.pid, 'SIGINT');
  if (await hasEnded(file.pid, FAST_STOP_MS)) return;
  process.kill(file.pid, 'SIGQUIT');
  if (!(await hasEnded(file.pid, IMMEDIATE_STOP_MS))) throw stillRunning(cluster, file.pid);
}

function stillRunning(cluster: string, pid: number): PlatformError {
  return new PlatformError(
    'postgres.leftover',
    `A database server still runs on ${cluster} (process ${pid}) and does not stop.`,
    `Stop it (kill -INT ${pid}) and start again.`,
  );
}

async function hasEnded(pid: number, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += POLL_MS) {
    if (!isAlive(pid)) return true;
    await delay(POLL_MS);
  }
  return !isAlive(pid);
}

/** Also true for a process that we may not signal. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Whether that process is a `postgres -D` of this very directory. */
function isPostmasterOf(pid: number, cluster: string): boolean {
  const words = commandLine(pid);
  if (words === undefined) return false;
  const directory = words[words.indexOf('-D') + 1];
  return basename(words[0] ?? '') === 'postgres' && words.includes('-D') && samePath(directory, cluster);
}

function commandLine(pid: number): string[] | undefined {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    // The start order of the arguments is ours, so that a directory with spaces can be cut out.
    const line = execFileSync('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
    const match = /^(.*) -D (.*) -c listen_addresses=/.exec(line);
    return match === null ? undefined : [match[1]!, '-D', match[2]!];
  } catch {
    return undefined;
  }
}

function samePath(a: string | undefined, b: string): boolean {
  try {
    return a !== undefined && realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

/** Whether any process that we can see works in that directory (Postgres' processes all do). Linux only. */
function hasProcessIn(cluster: string): boolean {
  if (process.platform !== 'linux') return false;
  const directory = realpathSync(cluster);
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .some((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === directory;
      } catch {
        return false;
      }
    });
}
