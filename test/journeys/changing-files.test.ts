/** Files that change while they are read: nothing stops, each is told or whole, and once they rest the next backup is exact. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  appendFileSync,
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { BackupReport } from '@holdfast/client';
import { createSeededRandomness, randomIntBelow } from '@holdfast/platform';
import { compareTrees, runsOf } from '@holdfast/testkit';
import { createTestClient, makeScratch, type Scratch, type TestClient } from '../client-harness.ts';
import { type Network, startNetwork } from '../network.ts';

const LONG_MS = 900_000;
const MiB = 1024 * 1024;
/** In the long run it is read in several segments. */
const OVERWRITTEN_BYTES = runsOf({ short: 12, long: 280 }) * MiB;
const PIECE_BYTES = 2 * MiB;
const rounds = runsOf({ short: 2, long: 30 });
const random = createSeededRandomness('changing files');

let scratch: Scratch;
let network: Network;
let client: TestClient;
let source: string;
/** Each byte of a file is its version. */
let version = 1;
const reported = { changed: new Set<string>(), unreadable: new Set<string>() };

beforeAll(async () => {
  scratch = await makeScratch();
  network = await startNetwork({ nodeCount: 3, capacityBytes: 20_000_000_000 });
  client = await createTestClient(network, { home: join(scratch.path, 'home') });
  source = join(scratch.path, 'source');
  mkdirSync(join(source, 'still'), { recursive: true });
  for (let n = 0; n < 200; n += 1) writeFileSync(at(`still/${n}`), random.bytes(randomIntBelow(random, 20_000)));
  mkdirSync(at('directory'));
  writeFileSync(at('directory/inside'), 'inside');
  writeFileSync(at('growing'), '');
  writeFileSync(at('renamed here'), random.bytes(MiB));
  change();
}, LONG_MS);

afterAll(async () => {
  await network?.stop();
  await scratch?.remove();
}, LONG_MS);

const at = (name: string): string => join(source, name);

/** The next version of everything that moves; takes some milliseconds. */
function change(): void {
  version = (version % 250) + 1;
  overwriteInPlace();
  // The same length every time, at once, under the same name.
  writeFileSync(join(scratch.path, 'next'), Buffer.alloc(MiB, version));
  renameSync(join(scratch.path, 'next'), at('replaced'));
  appendFileSync(at('growing'), Buffer.alloc(300_000, 'grows '));
  writeFileSync(at('shrinking'), Buffer.alloc(6 * MiB, 'shrinks '));
  truncateSync(at('shrinking'), randomIntBelow(random, 6 * MiB));
  move('renamed here', 'renamed there');
  move('directory', 'directory, moved');
  if (existsSync(at('comes and goes'))) rmSync(at('comes and goes'));
  else writeFileSync(at('comes and goes'), Buffer.alloc(200_000, version));
  changeType();
}

/** Piece by piece, as databases and virtual machines do: whoever reads along gets some of both versions. */
function overwriteInPlace(): void {
  const file = openSync(at('overwritten'), existsSync(at('overwritten')) ? 'r+' : 'wx');
  const piece = Buffer.alloc(PIECE_BYTES, version);
  for (let offset = 0; offset < OVERWRITTEN_BYTES; offset += PIECE_BYTES)
    writeSync(file, piece, 0, PIECE_BYTES, offset);
  closeSync(file);
}

function move(here: string, there: string): void {
  if (existsSync(at(here))) renameSync(at(here), at(there));
  else renameSync(at(there), at(here));
}

/** A file, then a directory, then a symlink. */
function changeType(): void {
  rmSync(at('anything'), { recursive: true, force: true });
  if (version % 3 === 0) writeFileSync(at('anything'), Buffer.alloc(100_000, version));
  else if (version % 3 === 1) mkdirSync(at('anything'));
  else symlinkSync('still', at('anything'));
}

/** A backup during which everything moves. */
async function backUpWhileChanging(): Promise<BackupReport> {
  const done = new AbortController();
  const running = client.backup([source]).finally(() => done.abort());
  while (!done.signal.aborted) {
    change();
    await delay(randomIntBelow(random, 30));
  }
  return running;
}

/** What the report does not name must be as it was at one moment. */
function expectWhole(restored: string, { changed, unreadable }: BackupReport): void {
  const told = new Set([...changed, ...unreadable].map(({ path }) => path));
  for (const name of ['overwritten', 'replaced', 'comes and goes']) {
    const path = join(restored, name);
    if (told.has(at(name)) || !existsSync(path)) continue;
    const bytes = readFileSync(path);
    const isOneVersion = bytes.equals(Buffer.alloc(bytes.length, bytes[0]));
    expect({ name, isOneVersion }).toEqual({ name, isOneVersion: true });
    if (name !== 'comes and goes') expect(bytes.length).toBe(name === 'replaced' ? MiB : OVERWRITTEN_BYTES);
  }
  // However much was read of it: these bytes were there, in this order.
  for (const [name, text] of Object.entries({ growing: 'grows ', shrinking: 'shrinks ' })) {
    if (!existsSync(join(restored, name))) continue;
    const bytes = readFileSync(join(restored, name));
    const zerosFrom = told.has(at(name)) ? bytes.indexOf(0) : -1;
    const kept = zerosFrom < 0 ? bytes : bytes.subarray(0, zerosFrom);
    const unit = name === 'growing' ? Buffer.alloc(300_000, text) : Buffer.alloc(6 * MiB, text);
    for (let from = 0; from < kept.length; from += unit.length) {
      const part = kept.subarray(from, from + unit.length);
      expect({ name, same: part.equals(unit.subarray(0, part.length)) }).toEqual({ name, same: true });
    }
  }
}

describe('changing files', () => {
  test(
    'a backup of a tree that never rests goes through, names what changed, and can be restored',
    async () => {
      for (let round = 1; round <= rounds; round += 1) {
        const report = await backUpWhileChanging();
        for (const { path } of report.changed) reported.changed.add(path);
        for (const { path } of report.unreadable) reported.unreadable.add(path);
        const target = join(scratch.path, `restored-${round}`);
        const restored = await client.restore(target);
        expect(restored).toMatchObject({ notRestored: [], faults: [] });
        expect((await compareTrees(at('still'), join(target, at('still')))).differences).toEqual([]);
        expectWhole(join(target, source), report);
        rmSync(target, { recursive: true });
      }
      // What moves all the time was noticed; what lies still never.
      expect(reported.changed.size).toBeGreaterThan(0);
      const all = [...reported.changed, ...reported.unreadable];
      expect(all.filter((path) => path.startsWith(at('still')))).toEqual([]);
      // Something that is no file any more when it is opened was not read; nothing else is unreadable.
      expect([...reported.unreadable].filter((path) => path !== at('anything'))).toEqual([]);
    },
    LONG_MS,
  );

  test(
    'once everything rests, the next backup has the last state of it, whatever the one before had caught',
    async () => {
      change();
      // Changed in the very moment in which the last backup of all looked at it.
      await client.backup([source]);
      const last = await client.backup([source]);
      expect(last).toMatchObject({ changed: [], unreadable: [], skipped: [] });
      const target = join(scratch.path, 'at rest');
      await client.restore(target);
      expect((await compareTrees(source, join(target, source))).differences).toEqual([]);
      expect(lstatSync(join(target, at('overwritten'))).size).toBe(OVERWRITTEN_BYTES);
    },
    LONG_MS,
  );

  test(
    'a directory that vanishes below the walk takes only itself along',
    async () => {
      const many = at('many');
      mkdirSync(many);
      for (let n = 0; n < 2000; n += 1) writeFileSync(join(many, `${n}`), `${n}`);
      const running = client.backup([source]);
      await delay(randomIntBelow(random, 60));
      rmSync(many, { recursive: true });
      const report = await running;
      expect(report.unreadable).toEqual([]);
      for (const { path } of report.changed) expect(path.startsWith(many)).toBe(true);
      const target = join(scratch.path, 'without');
      expect(await client.restore(target)).toMatchObject({ notRestored: [] });
      expect((await compareTrees(at('still'), join(target, at('still')))).differences).toEqual([]);

      // By the next one it is as if it had never been.
      expect(await client.backup([source])).toMatchObject({ changed: [], unreadable: [] });
      await client.restore(join(scratch.path, 'after'));
      expect((await compareTrees(source, join(scratch.path, 'after', source))).differences).toEqual([]);
    },
    LONG_MS,
  );
});
