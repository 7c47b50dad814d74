import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Publisher } from './publish.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-publish-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const published: [string, unknown][] = [];
beforeEach(() => void published.splice(0));

function add(publisher: Publisher, name: string, sizeBytes = 10): void {
  const temporary = Buffer.from(join(directory, `.${name}.part`));
  writeFileSync(temporary, name);
  publisher.add({
    temporary,
    final: Buffer.from(join(directory, name)),
    sizeBytes,
    onPublished: (error) => published.push([name, error]),
  });
}

test('no file has its name before it is on disk, and each has it afterwards', async () => {
  const seen: string[][] = [];
  const publisher = new Publisher(() => {
    seen.push(readdirSync(directory));
    return Promise.resolve();
  });
  for (const name of ['a', 'b', 'c']) add(publisher, name);
  await publisher.finish();
  expect(seen).toEqual([['.a.part', '.b.part', '.c.part']]);
  expect(readdirSync(directory)).toEqual(['a', 'b', 'c']);
  expect(readFileSync(join(directory, 'b'), 'utf8')).toBe('b');
  expect(published).toEqual([
    ['a', undefined],
    ['b', undefined],
    ['c', undefined],
  ]);
});

test('what comes while a group is being synced waits for the next sync: it was not on disk at the first', async () => {
  let release = (): void => undefined;
  let syncs = 0;
  const publisher = new Publisher(() => {
    syncs += 1;
    return syncs > 1 ? Promise.resolve() : new Promise((resolve) => (release = resolve));
  });
  add(publisher, 'first', 300 * 1024 * 1024);
  add(publisher, 'second');
  expect(readdirSync(directory)).toEqual(['.first.part', '.second.part']);
  release();
  await publisher.finish();
  expect(syncs).toBe(2);
  expect(readdirSync(directory)).toEqual(['first', 'second']);
});

test('when the disk cannot be synced nothing gets a name', async () => {
  const publisher = new Publisher(() => Promise.reject(new Error('EIO')));
  add(publisher, 'a');
  await expect(publisher.finish()).rejects.toThrow('EIO');
  expect(readdirSync(directory)).toEqual(['.a.part']);
  expect(published).toEqual([]);
});

test('a name that cannot be given is told; the others get theirs', async () => {
  const publisher = new Publisher(undefined);
  mkdirSync(join(directory, 'a'));
  writeFileSync(join(directory, 'a', 'full'), '');
  add(publisher, 'a');
  add(publisher, 'b');
  await publisher.finish();
  expect(published).toMatchObject([
    ['a', { code: 'EISDIR' }],
    ['b', undefined],
  ]);
});
