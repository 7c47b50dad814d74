import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSeededRandomness } from '@holdfast/platform';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { readDiskFiles, readVaultFiles } from '../testing/read-vault.ts';
import { backup } from './index.ts';

let network: FakeNetwork;
let source: string;
const random = createSeededRandomness('changes');

beforeEach(async () => {
  network = await startFakeNetwork();
  source = mkdtempSync(join(tmpdir(), 'holdfast-changes-'));
});
afterEach(async () => {
  await network.close();
  rmSync(source, { recursive: true, force: true });
});

const path = (name: string): string => join(source, name);
/** Files that were written to just now are read again by the next backup: this is long enough ago. */
const settle = (): Promise<void> => sleep(80);

async function expectSameAsDisk(): Promise<void> {
  expect(await readVaultFiles(network.newClient())).toEqual(readDiskFiles(source));
}

describe('a second backup', () => {
  test('reads no file and sends no pack when nothing changed', async () => {
    mkdirSync(path('a/b'), { recursive: true });
    for (let n = 0; n < 20; n += 1) writeFileSync(path(`a/b/${n}`), random.bytes(5000));
    const client = network.newClient();
    await settle();
    const first = await backup(client, { directories: [source] });
    const putCount = network.nodes.reduce((sum, node) => sum + node.putCount, 0);
    const second = await backup(client, { directories: [source] });
    expect(first).toMatchObject({ filesRead: 20, unchanged: false });
    expect(second).toMatchObject({ filesRead: 0, newBytes: 0, storedBytes: 0, unchanged: true, fileCount: 20 });
    expect(second.snapshotId).not.toBe(first.snapshotId);
    expect(network.nodes.reduce((sum, node) => sum + node.putCount, 0)).toBe(putCount);
    await expectSameAsDisk();
  });

  test('is refused when no node stores the vault any more, though nothing has changed', async () => {
    writeFileSync(path('letter.txt'), 'the only copy');
    const client = network.newClient();
    await settle();
    await backup(client, { directories: [source] });
    expect(await backup(client, { directories: [source] })).toMatchObject({ unchanged: true });
    network.mediator.isGivenUp = true;
    await expect(backup(client, { directories: [source] })).rejects.toMatchObject({ code: 'vault.given-up' });
  });

  test('reads whatever was touched in any way, and only that', async () => {
    const names = ['grown', 'same-size', 'same-times', 'replaced', 'kept', 'gone'];
    for (const name of names) writeFileSync(path(name), random.bytes(5000));
    const client = network.newClient();
    await settle();
    await backup(client, { directories: [source] });

    appendFileSync(path('grown'), 'more');
    writeFileSync(path('same-size'), random.bytes(5000));
    // Size and modification time as before, as some programs leave them: the change time still tells.
    const { atime, mtime } = statSync(path('same-times'));
    writeFileSync(path('same-times'), random.bytes(5000));
    utimesSync(path('same-times'), atime, mtime);
    // Another file under the old name, of the same size, with the old modification time.
    const before = statSync(path('replaced'));
    writeFileSync(path('replacement'), random.bytes(5000));
    utimesSync(path('replacement'), before.atime, before.mtime);
    renameSync(path('replacement'), path('replaced'));
    unlinkSync(path('gone'));
    await settle();

    const second = await backup(client, { directories: [source] });
    expect(second).toMatchObject({ filesRead: 4, fileCount: 5, unreadableCount: 0, changedCount: 0 });
    await expectSameAsDisk();
    expect(await backup(client, { directories: [source] })).toMatchObject({ filesRead: 0, unchanged: true });
  });

  test('stores what it has seen before only once: in another file, in another run, on another machine', async () => {
    const content = random.bytes(3_000_000);
    writeFileSync(path('one'), content);
    copyFileSync(path('one'), path('two'));
    await settle();
    const first = await backup(network.newClient(), { directories: [source] });
    expect(first.newBytes).toBeGreaterThan(3_000_000);
    expect(first.newBytes).toBeLessThan(3_020_000);

    writeFileSync(path('three'), readFileSync(path('one')));
    const other = network.newClient('other');
    const second = await backup(other, { directories: [source] });
    // The other machine knows no directory, so it reads all files, and finds all their chunks in the vault.
    expect(second).toMatchObject({ filesRead: 3, fileCount: 3 });
    expect(second.newBytes).toBeLessThan(20_000);
    await expectSameAsDisk();
  });

  test('goes on without its catalog: nothing is sent again', async () => {
    for (let n = 0; n < 5; n += 1) writeFileSync(path(`${n}`), random.bytes(1_000_000));
    await backup(network.newClient(), { directories: [source] });
    const sent = network.nodes.reduce((sum, node) => sum + node.receivedBytes, 0);
    const second = await backup(network.newClient('new home'), { directories: [source] });
    expect(second).toMatchObject({ filesRead: 5 });
    expect(second.newBytes).toBeLessThan(10_000);
    const more = network.nodes.reduce((sum, node) => sum + node.receivedBytes, 0) - sent;
    expect(more).toBeLessThan(sent / 5);
    await expectSameAsDisk();
  });
});
