import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackKind } from '@holdfast/codec';
import { createSeededRandomness } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import type { Catalog } from '../catalog/index.ts';
import { type FakeNetwork, startFakeNetwork } from '../testing/fake-network.ts';
import { readDiskFiles, readVaultFiles } from '../testing/read-vault.ts';
import { type BackupEvent, backup } from './index.ts';

let network: FakeNetwork;
let source: string;
const random = createSeededRandomness('resume');
/** Packs hold up to 16 MiB: enough for several. */
const SOURCE_BYTES = 48_000_000;

beforeAll(() => {
  source = mkdtempSync(join(tmpdir(), 'holdfast-resume-'));
  for (let n = 0; n < 6; n += 1) writeFileSync(join(source, `${n}`), random.bytes(SOURCE_BYTES / 6));
});
beforeEach(async () => {
  network = await startFakeNetwork();
});
afterEach(() => network.close());
afterAll(() => {
  rmSync(source, { recursive: true, force: true });
});

const receivedBytes = (): number => network.nodes.reduce((sum, node) => sum + node.receivedBytes, 0);

/** Lets `count` operations of that name pass, then does `what` at each. */
function after(operation: string, count: number, what: () => void): void {
  let left = count;
  network.mediator.onCall = (called) => {
    if (called !== operation) return;
    if (left > 0) left -= 1;
    else what();
  };
}

/** Everything in the vault is known to whoever reads its head, and every file is back byte for byte. */
async function expectWhole(): Promise<void> {
  network.mediator.onCall = undefined;
  const reader = network.newClient('reader');
  expect(await readVaultFiles(reader)).toEqual(readDiskFiles(source));
  expect(reader.catalog.packIds().sort()).toEqual([...network.mediator.packs.keys()].sort());
}

const packOf = (client: { catalog: Catalog }, kind: PackKind): string =>
  [...client.catalog.packs()].find((pack) => pack.kind === kind)!.packId;

describe('a backup that was interrupted', () => {
  test('by the user: what was committed is not sent again, and no pack stays behind unknown', async () => {
    const client = network.newClient();
    const user = new AbortController();
    after('committed', 0, () => user.abort());
    await expect(backup(client, { directories: [source], signal: user.signal })).rejects.toMatchObject({
      code: 'client.interrupted',
    });
    const committed = [...network.mediator.packs.values()].filter(({ dataShards }) => dataShards > 0);
    expect(committed.length).toBeGreaterThan(0);
    const kept = client.catalog.counts().chunks;
    expect(kept).toBeGreaterThan(0);

    network.mediator.onCall = undefined;
    const report = await backup(client, { directories: [source] });
    const keptBytes = committed.reduce((sum, { shardLengthBytes }) => sum + 2 * shardLengthBytes, 0);
    expect(report.newBytes).toBeLessThan(SOURCE_BYTES - 0.8 * keptBytes + 100_000);
    await expectWhole();
  }, 120_000);

  test('between the commit and its answer: the packs are found at the mediator and taken over', async () => {
    const client = network.newClient();
    after('committed', 0, () => {
      throw fail('remote.unreachable', { who: 'The mediator', address: 'x', detail: 'gone' });
    });
    await expect(backup(client, { directories: [source] })).rejects.toMatchObject({ code: 'remote.unreachable' });
    expect(network.mediator.packs.size).toBeGreaterThan(0);
    expect(client.catalog.counts().packs).toBe(0);
    const lost = [...network.mediator.packs.keys()];

    network.mediator.onCall = undefined;
    const events: BackupEvent[] = [];
    const before = receivedBytes();
    const report = await backup(client, { directories: [source], onEvent: (event) => events.push(event) });
    expect(events).toContainEqual({ type: 'resumed', adoptedPacks: lost.length, forgottenPacks: 0 });
    expect(report.newBytes).toBeLessThan(SOURCE_BYTES);
    expect(receivedBytes() - before).toBeLessThan(2 * SOURCE_BYTES);
    expect(client.catalog.packIds()).toEqual(expect.arrayContaining(lost));
    await expectWhole();
  }, 120_000);

  test('before its head moved: the next one has nothing to send but the tree', async () => {
    const client = network.newClient();
    after('putHead', 0, () => {
      throw fail('remote.unreachable', { who: 'The mediator', address: 'x', detail: 'gone' });
    });
    await expect(backup(client, { directories: [source] })).rejects.toMatchObject({ code: 'remote.unreachable' });
    expect(network.mediator.head).toBeUndefined();

    network.mediator.onCall = undefined;
    const report = await backup(client, { directories: [source] });
    expect(report.newBytes).toBeLessThan(10_000);
    await expectWhole();
  }, 120_000);

  test('a pack that the mediator lost is stored again', async () => {
    const client = network.newClient();
    await backup(client, { directories: [source] });
    network.mediator.packs.delete(packOf(client, 'data'));

    const events: BackupEvent[] = [];
    await backup(client, { directories: [source], onEvent: (event) => events.push(event) });
    expect(events).toContainEqual({ type: 'resumed', adoptedPacks: 0, forgottenPacks: 1 });
    await expectWhole();
  }, 120_000);
});

test('an index pack that the mediator lost is written anew, also by a machine that never saw it', async () => {
  const client = network.newClient();
  await backup(client, { directories: [source] });
  network.mediator.packs.delete(packOf(client, 'index'));
  const report = await backup(network.newClient('other'), { directories: [source] });
  expect(report.newBytes).toBeLessThan(10_000);
  await expectWhole();

  const second = packOf(client, 'index');
  expect(network.mediator.packs.has(second)).toBe(false);
  await backup(client, { directories: [source] });
  await expectWhole();
}, 120_000);

test('the catalog never names a pack that the mediator has not committed', async () => {
  const client = network.newClient();
  const seen: number[] = [];
  network.mediator.onCall = () => {
    const known = client.catalog.packIds();
    seen.push(known.length);
    expect(known.filter((packId) => !network.mediator.packs.has(packId))).toEqual([]);
  };
  await backup(client, { directories: [source] });
  expect(Math.max(...seen)).toBeGreaterThan(0);
  await expectWhole();
}, 120_000);
