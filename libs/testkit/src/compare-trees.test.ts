import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compareTrees } from './compare-trees.ts';

let top: string;
let left: string;
let right: string;

/** Two equal trees with one of everything. */
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'holdfast-compare-'));
  left = join(top, 'left');
  right = join(top, 'right');
  for (const tree of [left, right]) {
    mkdirSync(join(tree, 'dir/empty'), { recursive: true });
    writeFileSync(join(tree, 'dir/file'), 'x'.repeat(3_000_000));
    writeFileSync(join(tree, 'one'), 'linked');
    linkSync(join(tree, 'one'), join(tree, 'two'));
    writeFileSync(join(tree, 'other'), 'linked');
    symlinkSync('nowhere', join(tree, 'symlink'));
    writeFileSync(join(tree, 'sparse'), '');
    truncateSync(join(tree, 'sparse'), 8_000_000);
    writeFileSync(Buffer.from(`${tree}/bad-\xff`, 'latin1'), 'name');
    execFileSync('mkfifo', [join(tree, 'fifo')]);
    setTimes(tree);
  }
});
afterEach(() => rmSync(top, { recursive: true }));

function setTimes(tree: string): void {
  for (const name of ['dir/empty', 'dir/file', 'one', 'two', 'other', 'symlink', 'sparse', 'fifo', 'dir']) {
    if (lstatSync(join(tree, name), { throwIfNoEntry: false }) === undefined) continue;
    lutimesSync(join(tree, name), 1_700_000_000.25, 1_700_000_000.25);
  }
  const odd = Buffer.from(`${tree}/bad-\xff`, 'latin1');
  utimesSync(odd, 1_700_000_000.25, 1_700_000_000.25);
  lutimesSync(tree, 1_700_000_000.25, 1_700_000_000.25);
}

const paths = async (): Promise<string[]> => (await compareTrees(left, right)).differences.map(({ path }) => path);

test('equal trees', async () => {
  expect(await compareTrees(left, right)).toMatchObject({ compared: 11, differences: [] });
});

test.each<[string, () => void, string[]]>([
  ['one byte', () => writeFileSync(join(right, 'dir/file'), `${'x'.repeat(2_999_999)}y`), ['"dir/file"']],
  ['a length', () => truncateSync(join(right, 'dir/file'), 5), ['"dir/file"']],
  ['a mode', () => chmodSync(join(right, 'one'), 0o600), ['"one"', '"two"']],
  ['a missing file', () => unlinkSync(join(right, 'other')), ['"other"']],
  ['a file too many', () => writeFileSync(join(right, 'dir/more'), ''), ['"dir/more"']],
  ['a type', () => (unlinkSync(join(right, 'fifo')), writeFileSync(join(right, 'fifo'), '')), ['"fifo"']],
  ['a symlink', () => (unlinkSync(join(right, 'symlink')), symlinkSync('here', join(right, 'symlink'))), ['"symlink"']],
  [
    'names that are linked no more',
    () => (unlinkSync(join(right, 'two')), cpSync(join(right, 'one'), join(right, 'two'))),
    ['"one"'],
  ],
  [
    'names that are linked too much',
    () => (unlinkSync(join(right, 'other')), linkSync(join(right, 'one'), join(right, 'other'))),
    ['"one"', '"one"'],
  ],
  ['a filled hole', () => writeFileSync(join(right, 'sparse'), Buffer.alloc(8_000_000)), ['"sparse"']],
  [
    'bytes under a name in no encoding',
    () => writeFileSync(Buffer.from(`${right}/bad-\xff`, 'latin1'), 'eman'),
    ['"bad-ÿ"'],
  ],
])('finds %s', async (_, change, expected) => {
  change();
  setTimes(right);
  expect(await paths()).toEqual(expected);
});

test('finds a time that is a microsecond off, and no less', async () => {
  lutimesSync(join(right, 'symlink'), 1_700_000_000 + 0.250_001_1, 1_700_000_000 + 0.250_001_1);
  expect(await paths()).toEqual(['"symlink"']);
  lutimesSync(join(right, 'symlink'), 1_700_000_000 + 0.250_000_5, 1_700_000_000 + 0.250_000_5);
  expect(await paths()).toEqual([]);
});
