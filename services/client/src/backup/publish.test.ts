import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandomness } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { readDiskFiles, readVaultFiles } from '../testing/read-vault.ts';
import { readHead } from '../vault/index.ts';
import { backup } from './index.ts';

let network: FakeNetwork;
let source: string;
const random = createSeededRandomness('publish');

beforeEach(async () => {
  network = await startFakeNetwork();
  source = mkdtempSync(join(tmpdir(), 'holdfast-publish-'));
  writeFileSync(join(source, 'first'), random.bytes(100_000));
});
afterEach(async () => {
  await network.close();
  rmSync(source, { recursive: true, force: true });
});

const away = () => fail('remote.unreachable', { who: 'The mediator', address: 'x', detail: 'reset' });

/** Does `what` at the first call of that operation. */
function once(operation: string, what: () => void | Promise<void>): void {
  network.mediator.onCall = async (called) => {
    if (called !== operation) return;
    network.mediator.onCall = undefined;
    await what();
  };
}

/** A new reader finds every file, and knows all packs from the index alone. */
async function expectWhole(): Promise<void> {
  const reader = network.newClient('reader');
  expect(await readVaultFiles(reader)).toEqual(readDiskFiles(source));
  expect(reader.catalog.packIds().sort()).toEqual([...network.mediator.packs.keys()].sort());
}

describe('the head', () => {
  test('an answer that is lost on its way back is no conflict with oneself', async () => {
    const client = network.newClient();
    once('headMoved', () => {
      throw away();
    });
    const report = await backup(client, { directories: [source] });
    const { sequence, content } = await readHead(client);
    expect(sequence).toBe(1);
    expect(content.snapshots.map(({ snapshotId }) => snapshotId)).toEqual([report.snapshotId]);
    await expectWhole();
  });

  test('a request that is lost on its way there fails the backup, and the next one repairs it', async () => {
    const client = network.newClient();
    once('putHead', () => {
      throw away();
    });
    await expect(backup(client, { directories: [source] })).rejects.toMatchObject({ code: 'remote.unreachable' });
    const report = await backup(client, { directories: [source] });
    const { sequence, content } = await readHead(client);
    expect([sequence, content.snapshots.map(({ snapshotId }) => snapshotId)]).toEqual([1, [report.snapshotId]]);
    await expectWhole();
  });

  test('when another machine was first, both snapshots stand', async () => {
    const [client, other] = [network.newClient(), network.newClient('other')];
    const otherSource = mkdtempSync(join(tmpdir(), 'holdfast-publish-'));
    writeFileSync(join(otherSource, 'theirs'), random.bytes(100_000));
    let theirs = '';
    once('putHead', async () => {
      theirs = (await backup(other, { directories: [otherSource] })).snapshotId;
    });
    const { snapshotId } = await backup(client, { directories: [source] });
    const { sequence, content } = await readHead(client);
    expect(sequence).toBe(2);
    expect(content.snapshots.map((snapshot) => snapshot.snapshotId).sort()).toEqual([snapshotId, theirs].sort());
    const reader = network.newClient('reader');
    expect(await readVaultFiles(reader, snapshotId)).toEqual(readDiskFiles(source));
    expect(await readVaultFiles(reader, theirs)).toEqual(readDiskFiles(otherSource));
    expect(reader.catalog.packIds().sort()).toEqual([...network.mediator.packs.keys()].sort());
    // Neither machine starts over because of the other.
    expect(await backup(other, { directories: [otherSource] })).toMatchObject({ newBytes: 0, unchanged: true });
    rmSync(otherSource, { recursive: true });
  });

  test('a mediator that shows an older head than before is refused', async () => {
    const client = network.newClient();
    await backup(client, { directories: [source] });
    const old = network.mediator.head;
    writeFileSync(join(source, 'second'), 'new');
    await backup(client, { directories: [source] });
    network.mediator.head = old;
    await expect(backup(client, { directories: [source] })).rejects.toMatchObject({ code: 'head.rollback' });
  });
});

test('many small backups leave few index packs, all named, and every chunk is in one of them', async () => {
  const client = network.newClient();
  for (let n = 0; n < 8; n += 1) {
    writeFileSync(join(source, `file ${n}`), random.bytes(2000));
    await backup(client, { directories: [source], mostIndexPacks: 3 });
  }
  const { content } = await readHead(client);
  expect(content.snapshots).toHaveLength(8);
  expect(content.indexPacks.length).toBeLessThanOrEqual(3);
  const indexPacks = [...client.catalog.packs()].filter(({ kind }) => kind === 'index').map(({ packId }) => packId);
  expect(indexPacks.sort()).toEqual([...content.indexPacks].sort());
  await expectWhole();
}, 120_000);
