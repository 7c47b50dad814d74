/** One set-up at a time in a clone: a lock directory whose owner shows that it lives by touching it. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const TOUCH_EVERY_MS = 2_000;

/** An owner on another machine (a shared directory) can only be judged by its silence. */
const SILENT_MS = 30_000;

/** @typedef {{ pid: number, startTicks: string | undefined }} ProcessId a pid alone may be another process by now */

/**
 * @typedef {object} Owner
 * @property {ProcessId} process
 * @property {ProcessId | undefined} [installer] what it has running: an owner that was killed may leave it behind
 * @property {string} host
 * @property {string} token
 */

/**
 * @param {Owner | undefined} owner undefined: the owner file is not there (yet), or is not whole
 * @param {{ host: string, silentMs: number, isAlive: (process: ProcessId) => boolean }} seen
 * @returns {boolean} whether the lock was left behind
 */
export function isLeftBehind(owner, seen) {
  if (owner === undefined || owner.host !== seen.host) return seen.silentMs > SILENT_MS;
  return ![owner.process, owner.installer].some((process) => process !== undefined && seen.isAlive(process));
}

/** @param {ProcessId} id */
export function isProcessAlive({ pid, startTicks }) {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== 'EPERM') return false;
  }
  return startTicks === undefined || startTicksOf(pid) === startTicks;
}

/** @param {number} pid @returns {ProcessId} */
export function processId(pid) {
  return { pid, startTicks: startTicksOf(pid) };
}

/**
 * @param {number} pid
 * @returns {string | undefined} when it started, in ticks since the machine did; undefined where there is no /proc
 */
function startTicksOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/**
 * Waits until the lock is ours.
 * @param {string} path the lock directory; its parent exists
 * @param {{ onWait?: (pid: number | undefined) => void, pollMs?: number }} [options]
 * @returns {Promise<{ noteInstaller: (pid: number | undefined) => void, release: () => void }>}
 */
export async function acquireLock(path, { onWait, pollMs = 200 } = {}) {
  const owner = { process: processId(process.pid), host: hostname(), token: randomUUID() };
  for (let waited = false; ;) {
    if (tryLock(path, owner)) break;
    const other = readOwner(path);
    const silentMs = silence(path);
    if (silentMs !== undefined && isLeftBehind(other, { host: owner.host, silentMs, isAlive: isProcessAlive })) {
      clearAway(path, other);
      continue;
    }
    if (!waited) onWait?.(other?.process.pid);
    waited = true;
    await sleep(pollMs);
  }
  const touching = setInterval(() => touch(path), TOUCH_EVERY_MS);
  touching.unref();
  return {
    noteInstaller: (pid) => writeOwner(path, { ...owner, installer: pid === undefined ? undefined : processId(pid) }),
    release: () => {
      clearInterval(touching);
      if (readOwner(path)?.token === owner.token) rmSync(path, { recursive: true, force: true });
    },
  };
}

/**
 * @param {string} path
 * @param {Owner} owner
 */
function tryLock(path, owner) {
  try {
    mkdirSync(path);
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false;
    throw error;
  }
  writeOwner(path, owner);
  return true;
}

/**
 * @param {string} path
 * @param {Owner} owner
 */
function writeOwner(path, owner) {
  const file = join(path, 'owner.json');
  writeFileSync(`${file}.new`, JSON.stringify(owner));
  renameSync(`${file}.new`, file);
}

/**
 * @param {string} path
 * @returns {Owner | undefined}
 */
function readOwner(path) {
  try {
    return JSON.parse(readFileSync(join(path, 'owner.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/**
 * @param {string} path
 * @returns {number | undefined} milliseconds since the owner last touched the lock; undefined when it is gone
 */
function silence(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat && Date.now() - stat.mtimeMs;
}

/** @param {string} path */
function touch(path) {
  try {
    utimesSync(path, new Date(), new Date());
  } catch {
    // Taken from us after a long stop of this machine. The stamp, written last, still tells the truth.
  }
}

/**
 * Two who wait may both judge the lock left behind: renaming lets one of them win, and whoever finds that it renamed
 * a new owner's lock instead puts that back.
 * @param {string} path
 * @param {Owner | undefined} expected
 */
function clearAway(path, expected) {
  const aside = `${path}.${process.pid}.${randomUUID()}`;
  try {
    renameSync(path, aside);
  } catch {
    return;
  }
  if (readOwner(aside)?.token !== expected?.token) {
    try {
      renameSync(aside, path);
      return;
    } catch {
      // A third one has the lock by now: fall through and drop what we hold.
    }
  }
  rmSync(aside, { recursive: true, force: true });
}
