import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, linkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { readDiskFiles, readVaultFiles } from '../testing/read-vault.ts';
import { backup } from './index.ts';

let network: FakeNetwork;
let source: string;

beforeEach(async () => {
  network = await startFakeNetwork();
  source = mkdtempSync(join(tmpdir(), 'holdfast-source-'));
});
afterEach(async () => {
  await network.close();
  rmSync(source, { recursive: true, force: true });
});

const random = createSeededRandomness('backup test');

function makeTree(): void {
  mkdirSync(join(source, 'a/b/c'), { recursive: true });
  mkdirSync(join(source, 'empty'));
  writeFileSync(join(source, 'a/small.txt'), 'small');
  writeFileSync(join(source, 'a/empty.txt'), '');
  writeFileSync(join(source, 'a/b/large.bin'), random.bytes(9_000_000));
  writeFileSync(join(source, 'a/b/c/text.txt'), 'many words '.repeat(60_000));
  symlinkSync('nowhere', join(source, 'a/dangling'));
  linkSync(join(source, 'a/small.txt'), join(source, 'a/b/linked.txt'));
  for (let n = 0; n < 600; n += 1) writeFileSync(join(source, `a/b/c/${n}`), `file number ${n}`);
}

describe('backup', () => {
  test('what was backed up can be read back from the nodes alone, byte for byte', async () => {
    makeTree();
    const client = network.newClient();
    const report = await backup(client, { directories: [source] });
    expect(report).toMatchObject({ unreadableCount: 0, unchanged: false, directoryCount: 5 });
    const files = await readVaultFiles(network.newClient('other'));
    const expected = readDiskFiles(source);
    expect([...files.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [path, entry] of expected) expect(files.get(path)).toEqual(entry);
  });
});
