/** One run of a Postgres server: started on a free port, ready, and stopped. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { errorText, PlatformError } from '../errors.ts';
import type { Logger } from '../log.ts';
import type { Account } from './account.ts';
import { cleanEnvironment } from './cluster.ts';
import { readPostmasterFile } from './leftover.ts';
import type { Sentinel } from '../sentinel.ts';

export interface ServerOptions {
  readonly postgres: string;
  readonly cluster: string;
  readonly account: Account | undefined;
  readonly settings: Readonly<Record<string, string>>;
  readonly logger: Logger;
  readonly sentinel: Sentinel;
  readonly startTimeoutMs: number;
  readonly stopTimeoutMs: number;
  /** For tests of the race for a port. */
  readonly choosePort?: () => Promise<number>;
}

export interface RunningServer {
  readonly port: number;
  readonly pid: number;
  /** Fast shutdown: open transactions are rolled back, connections closed. Resolves when the process has ended. */
  stop(): Promise<void>;
}

const PORT_TRIES = 8;
const POLL_MS = 10;
const KEPT_LINES = 20;
const IMMEDIATE_STOP_MS = 5_000;

/** @throws `postgres.start-failed` with the server's own last words. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  for (let tries = 1; ; tries++) {
    const port = await (options.choosePort ?? freePort)();
    const attempt = spawnServer(options, port);
    if (await becomesReady(attempt, options)) return running(attempt, port, options);
    // Between our look for a free port and the server's use of it, somebody else may have taken it.
    const portTaken = attempt.lastLines.some((line) => /address already in use/i.test(line));
    if (!portTaken || tries === PORT_TRIES) throw startFailed(attempt, options.cluster);
  }
}

interface Attempt {
  readonly child: ChildProcess;
  readonly lastLines: string[];
  /** How it ended, or undefined while it runs. */
  end(): string | undefined;
  readonly ended: Promise<void>;
}

function spawnServer(options: ServerOptions, port: number): Attempt {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    log_line_prefix: '',
    log_destination: 'stderr',
    logging_collector: 'off',
    timezone: 'UTC',
    jit: 'off',
    ...options.settings,
  };
  const args = [
    '-D',
    options.cluster,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  const child = spawn(options.postgres, args, {
    ...options.account,
    cwd: options.cluster,
    env: cleanEnvironment(),
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (child.pid !== undefined) options.sentinel.watch(child.pid);
  const lastLines: string[] = [];
  let how: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      how = errorText(error);
      resolve();
    });
    child.once('close', (code, signal) => {
      how = signal === null ? `exit status ${code}` : signal;
      resolve();
    });
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    lastLines.push(line);
    if (lastLines.length > KEPT_LINES) lastLines.shift();
    logLine(options.logger, line);
  });
  return { child, lastLines, end: () => how, ended };
}

/** What goes wrong in a statement is its sender's business: only the server's own troubles are worth a warning. */
function logLine(logger: Logger, line: string): void {
  const [, severity = 'LOG', message = line] = /^([A-Z]+\d?):\s+(.*)$/.exec(line) ?? [];
  if (severity === 'PANIC') logger.error(`postgres: ${message}`);
  else if (severity === 'WARNING') logger.warn(`postgres: ${message}`);
  else logger.debug(`postgres: ${line}`);
}

async function becomesReady(attempt: Attempt, options: ServerOptions): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < options.startTimeoutMs; waitedMs += POLL_MS) {
    if (attempt.end() !== undefined) return false;
    const file = await readPostmasterFile(options.cluster);
    if (file?.isReady === true && file.pid === attempt.child.pid) return true;
    await delay(POLL_MS);
  }
  attempt.child.kill('SIGQUIT');
  await attempt.ended;
  return false;
}

function startFailed(attempt: Attempt, cluster: string): PlatformError {
  const words = attempt.lastLines.filter((line) => /^(?:FATAL|PANIC|DETAIL|HINT):/.test(line));
  const said = (words.length > 0 ? words : attempt.lastLines.slice(-3)).join(' ');
  return new PlatformError(
    'postgres.start-failed',
    `The database server on ${cluster} did not start (${attempt.end() ?? 'not ready in time'}). ${said}`.trim(),
    'Correct what it says, or set DATABASE_URL to a Postgres server.',
  );
}

function running(attempt: Attempt, port: number, options: ServerOptions): RunningServer {
  const { child } = attempt;
  // A program that forgets to stop must still be able to end; the sentinel then stops the server.
  child.unref();
  (child.stderr as Socket | null)?.unref();
  let stopping = false;
  void attempt.ended.then(() => {
    if (!stopping) options.logger.error({ end: attempt.end() }, 'the database server ended by itself');
  });
  const stop = async (): Promise<void> => {
    stopping = true;
    child.ref();
    if (attempt.end() === undefined) child.kill('SIGINT');
    if (await endsWithin(attempt, options.stopTimeoutMs)) return;
    options.logger.warn('the database server does not stop: stopping it at once, it will recover at the next start');
    child.kill('SIGQUIT');
    if (await endsWithin(attempt, IMMEDIATE_STOP_MS)) return;
    throw new PlatformError(
      'postgres.stop-failed',
      `The database server (process ${child.pid ?? 0}) does not stop.`,
      `Stop it by hand: kill -QUIT ${child.pid ?? 0}`,
    );
  };
  return { port, pid: child.pid!, stop };
}

async function endsWithin(attempt: Attempt, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([attempt.ended.then(() => true), late]);
  timer.abort();
  return ended;
}

/** One that nobody listens on at 127.0.0.1 at this moment. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as AddressInfo;
      probe.close(() => resolve(port));
    });
  });
}
