import { afterAll, describe, expect, test } from '@jest/globals';
import { appendFileSync, linkSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isSettled, sameContents } from './file-stat.ts';
import { IdentityWriter, isSameFile, readIdentities } from './identities.ts';
import { statOf } from './listing.ts';

const directory = mkdtempSync(join(tmpdir(), 'holdfast-stat-'));
afterAll(() => rmSync(directory, { recursive: true }));

const SECOND_NS = 1_000_000_000n;

describe('isSettled', () => {
  const ctimeNs = 1_800_000_000n * SECOND_NS + 123_456_789n;
  const ctimeMs = 1_800_000_000_123;

  test('not within a tick of the clock, nor for a change in the future', () => {
    expect(isSettled({ ctimeNs }, ctimeMs)).toBe(false);
    expect(isSettled({ ctimeNs }, ctimeMs + 49)).toBe(false);
    expect(isSettled({ ctimeNs }, ctimeMs - 60_000)).toBe(false);
    expect(isSettled({ ctimeNs }, ctimeMs + 51)).toBe(true);
  });

  test('later where times are whole seconds: such clocks tick as slowly', () => {
    const coarse = { ctimeNs: 1_800_000_000n * SECOND_NS };
    expect(isSettled(coarse, 1_800_000_002_000)).toBe(false);
    expect(isSettled(coarse, 1_800_000_002_501)).toBe(true);
  });
});

describe('an identity', () => {
  const path = join(directory, 'file');
  const identityOf = (isCertain: boolean) => {
    const writer = new IdentityWriter();
    writer.add('file', statOf(path), isCertain);
    return [...readIdentities(writer.bytes())][0]!;
  };

  test('is that of the file while nothing touches it, and of no file when it is uncertain', () => {
    writeFileSync(path, 'content');
    expect(isSameFile(identityOf(true), statOf(path))).toBe(true);
    expect(isSameFile(identityOf(false), statOf(path))).toBe(false);
  });

  test.each([
    ['a longer file', () => appendFileSync(path, 'x')],
    ['other times', () => utimesSync(path, 1, 1)],
    ['another name of it', () => linkSync(path, join(directory, 'link'))],
    ['another file', () => (rmSync(path), writeFileSync(path, 'content'))],
  ])('is not that of %s', async (_, change) => {
    writeFileSync(path, 'content');
    const [identity, before] = [identityOf(true), statOf(path)];
    await new Promise((resolve) => setTimeout(resolve, 30));
    change();
    expect(isSameFile(identity, statOf(path))).toBe(false);
    expect(sameContents(before, statOf(path))).toBe(false);
  });
});
