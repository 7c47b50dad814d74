/** A node that outlived whoever started it: found by its pid file, recognised by its command line, stopped first. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { PlatformError } from '../errors.ts';
import { isAlive } from '../embedded-postgres/leftover.ts';
import type { Logger } from '../log.ts';

const STOP_MS = 30_000;
const KILL_MS = 5_000;
const POLL_MS = 20;

/** Call it under the lock of the directory. @throws `bitcoind.leftover` when it does not end */
export async function stopLeftover(pidFile: string, dataDirArgument: string, logger: Logger): Promise<void> {
  const pid = readPid(pidFile);
  if (pid === undefined || !isAlive(pid) || !commandLine(pid).includes(dataDirArgument)) return;
  logger.warn({ pid }, 'a Bitcoin node was left running here: stopping it first');
  for (const [signal, withinMs] of [['SIGTERM', STOP_MS] as const, ['SIGKILL', KILL_MS] as const]) {
    process.kill(pid, signal);
    for (let waitedMs = 0; waitedMs < withinMs; waitedMs += POLL_MS) {
      if (!isAlive(pid)) return;
      await delay(POLL_MS);
    }
  }
  throw new PlatformError(
    'bitcoind.leftover',
    `A Bitcoin node still runs here (process ${pid}) and does not stop.`,
    `Stop it (kill ${pid}) and start again.`,
  );
}

function readPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return Number.isInteger(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function commandLine(pid: number): string {
  try {
    if (process.platform === 'linux') return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
    return execFileSync('/bin/ps', ['-ww', '-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}
