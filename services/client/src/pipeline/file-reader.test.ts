import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
  writeSync,
  closeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createArena, createChunkIdHasher, createKernel, gearTable } from '@holdfast/codec';
import { createSeededRandomness } from '@holdfast/platform';
import { toHex } from '@holdfast/protocol';
import { statOf } from '../scan/index.ts';
import { FileReader } from './file-reader.ts';

const random = createSeededRandomness('file reader');
const arena = createArena(FileReader.arenaBytes + 8192);
const kernel = createKernel(arena, gearTable(random.bytes(32)));
const chunkId = createChunkIdHasher(random.bytes(32));
/** What was taken, by its id. */
const taken = new Map<string, Uint8Array>();
/** Called for every chunk that is taken. */
let onChunk: () => void = () => undefined;
const reader = new FileReader({
  arena,
  kernel,
  chunkId,
  take: (id, plaintext) => {
    taken.set(toHex(id), new Uint8Array(plaintext));
    onChunk();
  },
});

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-reader-'));
  file = join(directory, 'file');
  taken.clear();
  onChunk = () => undefined;
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

async function read(path = file, segment?: { offset: number; lengthBytes: number }) {
  const stat = statOf(path);
  const ids: Uint8Array[] = [];
  const lengths: number[] = [];
  const result = await reader.read({ path, stat, ...(segment === undefined ? {} : { segment }) }, ids, lengths);
  const content = Buffer.concat(ids.map((id) => taken.get(toHex(id))!));
  // Whatever happens to the file: what is said to be kept is what the chunks hold.
  expect(content.length).toBe(lengths.reduce((sum, length) => sum + length, 0));
  expect(content.length).toBe(result.sizeBytes);
  expect(ids.length).toBe(result.chunkCount);
  return { result, content };
}

describe('a file that stays as it is', () => {
  test.each([1, 4095, 262_144, 5_000_001, 17_000_000])('of %d bytes is cut and comes back', async (size) => {
    const bytes = random.bytes(size);
    writeFileSync(file, bytes);
    const { result, content } = await read();
    expect(content.equals(bytes)).toBe(true);
    expect(result).not.toHaveProperty('changed');
    expect(result).not.toHaveProperty('stat');
  });

  test('with holes comes back with zeros in their place', async () => {
    const descriptor = openSync(file, 'w');
    const [head, tail] = [random.bytes(300_000), random.bytes(10_000)];
    writeSync(descriptor, head, 0, head.length, 0);
    writeSync(descriptor, tail, 0, tail.length, 21_000_000);
    ftruncateSync(descriptor, 40_000_000);
    closeSync(descriptor);
    const expected = Buffer.alloc(40_000_000);
    expected.set(head, 0);
    expected.set(tail, 21_000_000);
    const { content } = await read();
    expect(content.equals(expected)).toBe(true);
    expect(taken.size).toBeLessThan(20);
  });

  test('in segments is the same as the part of it', async () => {
    const bytes = random.bytes(9_000_000);
    writeFileSync(file, bytes);
    const { content } = await read(file, { offset: 3_000_000, lengthBytes: 4_000_000 });
    expect(content.equals(bytes.subarray(3_000_000, 7_000_000))).toBe(true);
  });
});

describe('a file that changes while it is read', () => {
  /** Once while each attempt runs. */
  function during(attempts: number, change: () => void): void {
    let left = attempts;
    let isDone = false;
    onChunk = () => {
      if (left === 0 || isDone) return;
      left -= 1;
      isDone = true;
      change();
      setImmediate(() => (isDone = false));
    };
  }

  test('once, is read again and whole', async () => {
    writeFileSync(file, random.bytes(6_000_000));
    let isChanged = false;
    onChunk = () => {
      if (!isChanged) appendFileSync(file, 'more');
      isChanged = true;
    };
    const { result, content } = await read();
    expect(content.length).toBe(6_000_004);
    expect(result).not.toHaveProperty('changed');
    // The next backup compares with what was read, not with what the scan saw.
    expect(result.stat).toMatchObject({ sizeBytes: 6_000_004 });
  });

  test.each([
    ['grows', () => appendFileSync(file, 'x')],
    ['shrinks', () => truncateSync(file, 100)],
  ])('all the time (%s), is kept as it was read, and told', async (_, change) => {
    writeFileSync(file, random.bytes(6_000_000));
    onChunk = change;
    const { result, content } = await read();
    expect(result).toMatchObject({ changed: true });
    expect(content.length).toBeGreaterThanOrEqual(100);
  });

  test('by being deleted, is kept as it was read', async () => {
    const bytes = random.bytes(6_000_000);
    writeFileSync(file, bytes);
    during(1, () => unlinkSync(file));
    const { result } = await read();
    // The second attempt finds nothing.
    expect(result).toEqual({ sizeBytes: 0, chunkCount: 0, unreadable: 'ENOENT' });
  });

  test('a segment of a file that is another by then is told', async () => {
    writeFileSync(file, random.bytes(6_000_000));
    const stat = statOf(file);
    appendFileSync(file, 'more');
    const result = await reader.read({ path: file, stat, segment: { offset: 0, lengthBytes: 6_000_000 } }, [], []);
    expect(result).toMatchObject({ changed: true, stat: { sizeBytes: 6_000_004 } });
  });
});

describe('what is no file any more', () => {
  test.each([
    ['a directory', () => mkdirSync(file), 'it is no file any more'],
    ['a symlink', () => symlinkSync('/etc/passwd', file), 'ELOOP'],
    ['a pipe, which nobody writes to', () => execFileSync('mkfifo', [file]), 'it is no file any more'],
    ['nothing', () => undefined, 'ENOENT'],
  ])('%s is not read', async (_, replace, unreadable) => {
    writeFileSync(file, 'content');
    const stat = statOf(file);
    unlinkSync(file);
    replace();
    const ids: Uint8Array[] = [];
    expect(await reader.read({ path: file, stat }, ids, [])).toEqual({ sizeBytes: 0, chunkCount: 0, unreadable });
    expect(ids).toEqual([]);
  });
});
