import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { acquireLock, isLeftBehind, isProcessAlive, processId } from './lock.mjs';

const owner = { process: { pid: 10, startTicks: '5' }, host: 'here', token: 't' };
const seen = (alive: number[], silentMs = 0, host = 'here') => ({
  host,
  silentMs,
  isAlive: ({ pid }: { pid: number }) => alive.includes(pid),
});

describe('whether a lock was left behind', () => {
  test('while its owner lives it is not, however long it is silent', () => {
    expect(isLeftBehind(owner, seen([10], 1e9))).toBe(false);
  });

  test('when its owner is gone it is, at once', () => {
    expect(isLeftBehind(owner, seen([]))).toBe(true);
  });

  test('an installer that outlived its owner still holds it', () => {
    const withInstaller = { ...owner, installer: { pid: 11, startTicks: '6' } };
    expect(isLeftBehind(withInstaller, seen([11]))).toBe(false);
    expect(isLeftBehind(withInstaller, seen([]))).toBe(true);
  });

  test('an owner on another machine, or an unknown one, is judged by its silence', () => {
    expect(isLeftBehind(owner, seen([], 1_000, 'elsewhere'))).toBe(false);
    expect(isLeftBehind(owner, seen([], 60_000, 'elsewhere'))).toBe(true);
    expect(isLeftBehind(undefined, seen([], 1_000))).toBe(false);
    expect(isLeftBehind(undefined, seen([], 60_000))).toBe(true);
  });

  test('a pid that another process has by now is not the owner', () => {
    const self = processId(process.pid);
    expect(isProcessAlive(self)).toBe(true);
    expect(isProcessAlive({ pid: process.pid, startTicks: `${self.startTicks}0` })).toBe(self.startTicks === undefined);
  });
});

describe('the lock directory', () => {
  let directory = '';
  let path = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'holdfast-lock-'));
    path = join(directory, 'lock');
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  test('one owner at a time, and each that waits gets its turn', async () => {
    let inside = 0;
    const turns = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const lock = await acquireLock(path, { pollMs: 2 });
        inside++;
        const alone = inside === 1;
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside--;
        lock.release();
        return alone;
      }),
    );
    expect(turns).toEqual([true, true, true, true, true]);
    expect(existsSync(path)).toBe(false);
  });

  test('one without an owner file, left long ago, is taken over', async () => {
    mkdirSync(path);
    utimesSync(path, new Date(0), new Date(0));
    const lock = await acquireLock(path, { pollMs: 2 });
    lock.release();
    expect(existsSync(path)).toBe(false);
  });

  test('release leaves alone what somebody else took', async () => {
    const lock = await acquireLock(path, { pollMs: 2 });
    writeFileSync(join(path, 'owner.json'), JSON.stringify({ ...owner, token: 'another' }));
    lock.release();
    expect(existsSync(path)).toBe(true);
  });
});
