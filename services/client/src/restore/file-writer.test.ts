import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  existsSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { FileWriter } from './file-writer.ts';
import type { FileToWrite } from './job.ts';
import { toMicroseconds } from './times.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-writer-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const attributes = { mode: 0o644, mtimeNs: 1_700_000_000_123_456_789n };
const file = (name: string, options: Partial<FileToWrite> = {}): FileToWrite => ({
  path: join(directory, name),
  sizeBytes: 0,
  sparse: false,
  whole: true,
  writes: 1,
  attributes,
  ...options,
});

describe('FileWriter', () => {
  test('chunks in any order make the file, and its mode and time are set', () => {
    const writer = new FileWriter({ fsyncFiles: true });
    const one = file('a');
    writer.write(one, 3, Buffer.from('def'), true);
    writer.write(one, 0, Buffer.from('abc'), false);
    writer.finish(one);
    expect(readFileSync(one.path, 'utf8')).toBe('abcdef');
    const { mode, mtimeNs } = statSync(one.path, { bigint: true });
    expect(mode & 0o7777n).toBe(0o644n);
    expect(toMicroseconds(mtimeNs)).toBe(1_700_000_000_123_456n);
  });

  test('a whole file is never written over another, nor through a symlink', () => {
    const writer = new FileWriter({ fsyncFiles: false });
    writeFileSync(join(directory, 'there'), 'mine');
    symlinkSync(join(directory, 'there'), join(directory, 'link'));
    for (const name of ['there', 'link']) {
      expect(() => writer.write(file(name), 0, Buffer.from('x'), true)).toThrow(
        expect.objectContaining({ code: 'EEXIST' }),
      );
    }
    expect(() => writer.write(file('link', { whole: false }), 0, Buffer.from('x'), true)).toThrow(
      expect.objectContaining({ code: 'ELOOP' }),
    );
    expect(readFileSync(join(directory, 'there'), 'utf8')).toBe('mine');
  });

  test('more files than may be open at once', () => {
    const writer = new FileWriter({ fsyncFiles: false });
    const files = Array.from({ length: 200 }, (_, index) => file(`f${index}`));
    for (const [index, one] of files.entries()) writer.write(one, 0, Buffer.from(`<${index}`), true);
    for (const one of files) writer.write(one, 10, Buffer.from('>'), false);
    for (const one of files) writer.finish(one);
    expect(readFileSync(files[7]!.path).toString()).toBe(`<7${'\0'.repeat(8)}>`);
    writer.close();
  });

  test('zero runs of sparse files become holes', () => {
    const writer = new FileWriter({ fsyncFiles: false });
    const sizeBytes = 8 * 1024 * 1024;
    const one = file('sparse', { sparse: true, sizeBytes });
    const chunk = Buffer.alloc(4 * 1024 * 1024);
    chunk.fill(7, 1_000_000, 1_000_100);
    writer.write(one, 0, chunk, true);
    writer.finish(one);
    const bytes = readFileSync(one.path);
    expect(bytes.length).toBe(sizeBytes);
    expect(bytes.subarray(0, chunk.length).equals(chunk)).toBe(true);
    expect(lstatSync(one.path).blocks * 512).toBeLessThan(256 * 1024);
  });

  test('whatever a sparse file holds, it comes back', () => {
    const run = fc.record({ zero: fc.boolean(), length: fc.integer({ min: 1, max: 150_000 }) });
    let number = 0;
    fc.assert(
      fc.property(
        fc.array(run, { minLength: 1, maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 300_000 }), { maxLength: 5 }),
        (runs, cuts) => {
          const bytes = Buffer.concat(
            runs.map(({ zero, length }, index) => Buffer.alloc(length, zero ? 0 : index + 1)),
          );
          const writer = new FileWriter({ fsyncFiles: false });
          const one = file(`s${(number += 1)}`, { sparse: true, sizeBytes: bytes.length });
          let at = 0;
          for (const cut of [...cuts, bytes.length]) {
            if (at < bytes.length) writer.write(one, at, bytes.subarray(at, at + cut), at === 0);
            at += cut;
          }
          if (at < bytes.length + cuts.length) writer.write(one, at, bytes.subarray(at), false);
          writer.finish(one);
          expect(readFileSync(one.path).equals(bytes)).toBe(true);
          rmSync(one.path);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('an abandoned file stays for its owner to remove', () => {
    const writer = new FileWriter({ fsyncFiles: false });
    writer.write(file('a'), 0, Buffer.from('x'), true);
    writer.abandon(join(directory, 'a'));
    expect(existsSync(join(directory, 'a'))).toBe(true);
  });
});

describe('times', () => {
  const restored = (mtimeNs: bigint): bigint => {
    const { path } = file('t');
    new FileWriter({ fsyncFiles: false }).createEmpty({ path, attributes: { mode: 0o600, mtimeNs } });
    const found = statSync(path, { bigint: true }).mtimeNs;
    rmSync(path);
    return found;
  };

  test('from 1970 on, to the microsecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 8_500_000_000_000_000_000n }), (mtimeNs) => {
        expect(toMicroseconds(restored(mtimeNs))).toBe(toMicroseconds(mtimeNs));
      }),
      { numRuns: 300 },
    );
  });

  test('before 1970, to the millisecond', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -2_000_000_000_000_000_000n, max: -1n }), (mtimeNs) => {
        const wantedMs = Math.floor(Number(toMicroseconds(mtimeNs)) / 1000);
        expect(Math.abs(Number(restored(mtimeNs) - BigInt(wantedMs) * 1_000_000n))).toBeLessThan(1000);
      }),
      { numRuns: 300 },
    );
  });
});
