/** Starts a `bitcoind` on regtest in a directory, on loopback only, and ends it with us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from '../embedded-postgres/server.ts';
import { errorText, PlatformError } from '../errors.ts';
import { acquireFileLock } from '../file-lock.ts';
import type { Logger } from '../log.ts';
import { type Sentinel, startSentinel } from '../sentinel.ts';
import { stopLeftover } from './leftover.ts';

export interface RegtestNodeOptions {
  /** Made when missing; holds chain, wallets and a lock. One process at a time. */
  readonly dataDir: string;
  /** The path of `bitcoind`; infra/bitcoin finds one. */
  readonly program: string;
  readonly logger: Logger;
  /** The node's settings that win over ours, such as `{ maxtipage: '1' }`. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default 1 minute. */
  readonly startTimeoutMs?: number;
  /** Default 30 s, then it is killed; its chain survives that. */
  readonly stopTimeoutMs?: number;
}

export interface RegtestNode {
  /** `http://127.0.0.1:port`, without user and password. */
  readonly url: string;
  /** Holds user and password, `user:password`; another one after each start. */
  readonly cookieFile: string;
  readonly pid: number;
  /** Further calls wait for the same end. */
  stop(): Promise<void>;
  /** Without a goodbye (SIGKILL), as a power cut would. */
  kill(): Promise<void>;
}

const PORT_TRIES = 8;
const POLL_MS = 20;
const KEPT_LINES = 20;

/** No peers, no listening, small caches: a chain that nobody else ever sees. */
const SETTINGS = {
  server: '1',
  listen: '0',
  connect: '0',
  dnsseed: '0',
  fixedseeds: '0',
  discover: '0',
  natpmp: '0',
  rpcbind: '127.0.0.1',
  rpcallowip: '127.0.0.1',
  printtoconsole: '0',
  fallbackfee: '0.00002',
  dbcache: '16',
  par: '1',
} as const;

/**
 * Ready in less than a second. It does not outlive this process: `stop` ends it, and so does the death of this process,
 * however that comes.
 * Errors: `file.locked` (another process uses the directory), `bitcoind.*`.
 */
export async function startRegtestNode(options: RegtestNodeOptions): Promise<RegtestNode> {
  const dataDir = resolve(options.dataDir);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = acquireFileLock(join(dataDir, 'lock'));
  const pidFile = join(dataDir, 'bitcoind.pid');
  const sentinel = startSentinel(pidFile, undefined, undefined);
  const letGo = (): void => {
    sentinel.dismiss();
    lock.release();
  };
  try {
    await stopLeftover(pidFile, `-datadir=${dataDir}`, options.logger);
    const cookieFile = join(dataDir, 'regtest', '.cookie');
    for (let tries = 1; ; tries++) {
      const port = await freePort();
      const attempt = spawnNode(options, { dataDir, pidFile, port }, sentinel);
      const url = `http://127.0.0.1:${port}`;
      if (await becomesReady(attempt, url, cookieFile, options.startTimeoutMs ?? 60_000)) {
        return running(attempt, { url, cookieFile }, options, letGo);
      }
      // Between our look for a free port and the node's use of it, somebody else may have taken it.
      const portTaken = attempt.lastLines.some((line) => /unable to bind|address already in use/i.test(line));
      if (!portTaken || tries === PORT_TRIES) throw startFailed(attempt, dataDir);
    }
  } catch (error) {
    letGo();
    throw error;
  }
}

interface Attempt {
  readonly child: ChildProcess;
  readonly lastLines: string[];
  /** How it ended, or undefined while it runs. */
  end(): string | undefined;
  readonly ended: Promise<void>;
}

interface Place {
  readonly dataDir: string;
  readonly pidFile: string;
  readonly port: number;
}

function spawnNode(options: RegtestNodeOptions, { dataDir, pidFile, port }: Place, sentinel: Sentinel): Attempt {
  const settings = { ...SETTINGS, ...options.settings, rpcport: String(port), pid: pidFile };
  const args = [
    '-regtest',
    `-datadir=${dataDir}`,
    ...Object.entries(settings).map(([key, value]) => `-${key}=${value}`),
  ];
  const child = spawn(options.program, args, { cwd: dataDir, detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  if (child.pid !== undefined) sentinel.watch(child.pid);
  const lastLines: string[] = [];
  let how: string | undefined;
  const ended = new Promise<void>((settle) => {
    child.once('error', (error) => {
      how = errorText(error);
      settle();
    });
    child.once('close', (code, signal) => {
      how ??= signal ?? `exit status ${code}`;
      settle();
    });
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    lastLines.push(...text.split('\n').filter((line) => line.trim() !== ''));
    lastLines.splice(0, lastLines.length - KEPT_LINES);
  });
  return { child, lastLines, end: () => how, ended };
}

/** Also waits for the wallets, which it loads last. */
async function becomesReady(attempt: Attempt, url: string, cookieFile: string, withinMs: number): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < withinMs; waitedMs += POLL_MS) {
    if (attempt.end() !== undefined) return false;
    if (await answers(url, cookieFile)) return true;
    await delay(POLL_MS);
  }
  attempt.child.kill('SIGKILL');
  await attempt.ended;
  return false;
}

/** A cookie of the run before is refused, and so is everything while it warms up. */
async function answers(url: string, cookieFile: string): Promise<boolean> {
  try {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(readFileSync(cookieFile)).toString('base64')}` },
      body: JSON.stringify({ method: 'getblockcount', params: [], id: 0 }),
    });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}

function startFailed(attempt: Attempt, dataDir: string): PlatformError {
  return new PlatformError(
    'bitcoind.start-failed',
    `The Bitcoin node in ${dataDir} did not start (${attempt.end() ?? 'not ready in time'}). ${attempt.lastLines.join(' ')}`.trim(),
    'Correct what it says, or set BITCOIN_RPC_URL to a node.',
  );
}

function running(
  attempt: Attempt,
  place: { readonly url: string; readonly cookieFile: string },
  options: RegtestNodeOptions,
  letGo: () => void,
): RegtestNode {
  const { child } = attempt;
  // A program that forgets to stop must still be able to end; the sentinel then stops the node.
  child.unref();
  (child.stderr as Socket | null)?.unref();
  let stopping = false;
  void attempt.ended.then(() => {
    if (!stopping) options.logger.error({ end: attempt.end() }, 'the Bitcoin node ended by itself');
  });
  const endBy = async (signal: 'SIGTERM' | 'SIGKILL', withinMs: number): Promise<void> => {
    stopping = true;
    child.ref();
    if (attempt.end() === undefined) child.kill(signal);
    if (!(await endsWithin(attempt, withinMs))) {
      options.logger.warn('the Bitcoin node does not stop: killing it, its chain survives that');
      child.kill('SIGKILL');
      await attempt.ended;
    }
    letGo();
  };
  let stopped: Promise<void> | undefined;
  return {
    ...place,
    pid: child.pid!,
    stop: () => (stopped ??= endBy('SIGTERM', options.stopTimeoutMs ?? 30_000)),
    kill: () => (stopped ??= endBy('SIGKILL', 5_000)),
  };
}

async function endsWithin(attempt: Attempt, ms: number): Promise<boolean> {
  const timer = new AbortController();
  const late = delay(ms, false, { signal: timer.signal }).catch(() => false);
  const ended = await Promise.race([attempt.ended.then(() => true), late]);
  timer.abort();
  return ended;
}
