import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { acquireFileLock } from './file-lock.ts';
import {
  createDirectoryDurably,
  fsyncDirectory,
  readJsonFile,
  removeLeftoverTemporaries,
  temporaryPath,
  writeFileDurably,
} from './files.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast files-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

describe('writeFileDurably', () => {
  test('creates and replaces, with exactly the mode asked for, and leaves nothing else', async () => {
    const path = join(directory, 'file');
    await writeFileDurably(path, 'one');
    expect(readFileSync(path, 'utf8')).toBe('one');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const umask = process.umask(0o077);
    try {
      await writeFileDurably(path, new Uint8Array([1, 2, 3]), { mode: 0o644 });
    } finally {
      process.umask(umask);
    }
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    expect(statSync(path).mode & 0o777).toBe(0o644);
    expect(readdirSync(directory)).toEqual(['file']);
  });

  test('keeps the old file and no litter when it fails', async () => {
    const path = join(directory, 'taken');
    mkdirSync(join(path, 'not empty'), { recursive: true });
    await expect(writeFileDurably(path, 'x')).rejects.toMatchObject({
      code: expect.stringMatching(/EISDIR|ENOTEMPTY|EEXIST/),
    });
    expect(readdirSync(directory)).toEqual(['taken']);
    await expect(writeFileDurably(join(directory, 'none', 'x'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('writers of one file at once: one of them wins, whole', async () => {
    const path = join(directory, 'file');
    const texts = Array.from({ length: 8 }, (_, index) => String(index).repeat(100_000));
    await Promise.all(texts.map((text) => writeFileDurably(path, text)));
    expect(texts).toContain(readFileSync(path, 'utf8'));
    expect(readdirSync(directory)).toEqual(['file']);
  });

  test('names of 255 bytes work', async () => {
    const path = join(directory, 'n'.repeat(255));
    await writeFileDurably(path, 'x');
    expect(existsSync(path)).toBe(true);
  });
});

test('leftovers of a crash are removed, other files are not', async () => {
  const leftover = temporaryPath(directory);
  writeFileSync(leftover, 'half');
  const others = ['.holdfast-.tmp', `${basename(leftover)}.txt`, 'file'];
  for (const name of others) writeFileSync(join(directory, name), '');
  expect(await removeLeftoverTemporaries(directory)).toBe(1);
  expect(readdirSync(directory).sort()).toEqual(others.sort());
});

test('directories are made with their parents, again without harm', async () => {
  const path = join(directory, 'a', 'b', 'c');
  await createDirectoryDurably(path);
  await createDirectoryDurably(path);
  expect(statSync(path).mode & 0o777).toBe(0o700);
  await expect(fsyncDirectory(join(directory, 'none'))).rejects.toMatchObject({ code: 'ENOENT' });
});

describe('readJsonFile', () => {
  const number = (value: unknown): number => {
    if (typeof value !== 'number') throw new TypeError('a number is wanted');
    return value;
  };

  test('gives what the validator returns', async () => {
    writeFileSync(join(directory, 'n.json'), ' 7\n');
    expect(await readJsonFile(join(directory, 'n.json'), number)).toBe(7);
  });

  test.each([
    ['file.missing', undefined],
    ['file.not-json', '{"half":'],
    ['file.not-json', ''],
    ['file.invalid', '"text"'],
  ])('%s', async (code, content) => {
    const path = join(directory, 'n.json');
    if (content !== undefined) writeFileSync(path, content);
    await expect(readJsonFile(path, number)).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
  });

  test('file.unreadable', async () => {
    await expect(readJsonFile(directory, number)).rejects.toMatchObject({ code: 'file.unreadable' });
    symlinkSync('loop', join(directory, 'loop'));
    await expect(readJsonFile(join(directory, 'loop'), number)).rejects.toMatchObject({ code: 'file.unreadable' });
  });
});

describe('a file lock', () => {
  const holdElsewhere = async (path: string) => {
    const script = `
      import { acquireFileLock } from ${JSON.stringify(new URL('file-lock.ts', import.meta.url).href)};
      const lock = acquireFileLock(${JSON.stringify(path)});
      console.log('held');
      setInterval(() => lock, 1_000);`;
    const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    await once(createInterface({ input: holder.stdout }), 'line');
    return holder;
  };

  test('is held once, within a process too, until it is released', () => {
    const path = join(directory, 'lock');
    const lock = acquireFileLock(path);
    expect(() => acquireFileLock(path)).toThrow(
      expect.objectContaining({ code: 'file.locked', message: expect.stringContaining(`process ${process.pid}`) }),
    );
    lock.release();
    lock.release();
    acquireFileLock(path).release();
  });

  test('is let go by the kernel when its holder is killed', async () => {
    const path = join(directory, 'lock');
    const holder = await holdElsewhere(path);
    expect(() => acquireFileLock(path)).toThrow(
      expect.objectContaining({ code: 'file.locked', message: expect.stringContaining(`process ${holder.pid}`) }),
    );
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    acquireFileLock(path).release();
  });

  test('says when it cannot be taken at all', () => {
    expect(() => acquireFileLock(join(directory, 'none', 'lock'))).toThrow(
      expect.objectContaining({ code: 'file.lock-failed' }),
    );
    writeFileSync(
      join(directory, 'text'),
      'this file is something else, and longer than a page of SQLite may be before it is looked at as such',
    );
    chmodSync(join(directory, 'text'), 0o600);
    expect(() => acquireFileLock(join(directory, 'text'))).toThrow(
      expect.objectContaining({ code: 'file.lock-failed' }),
    );
    expect(readFileSync(join(directory, 'text'), 'utf8')).toContain('something else');
  });
});
