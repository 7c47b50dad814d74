/** Disks that lie: each kind of damage is found, reported once, not served any more, and the books stay right. */
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { GROUP_BYTES, shardPath } from '@holdfast/protocol';
import { bytesOnDisk, namesIn, shardsOnDisk } from '../testing/test-disk.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.close();
});

interface Stored {
  readonly packId: string;
  readonly bytes: Uint8Array;
  readonly file: string;
}

const GROUPS = 37;
async function store(committed = true): Promise<Stored> {
  const [packId, bytes] = [harness.packId(), harness.shard(GROUPS)];
  expect((await harness.client.putShard(harness.grant('put'), packId, 0, bytes)).status).toBe(201);
  if (committed) {
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(packId)] });
    await harness.node.heartbeatNow();
  }
  return { packId, bytes, file: shardsOnDisk(harness.node.dataDir).find((file) => file.packId === packId)!.path };
}
const nameOf = (packId: string) => ({ clientId: harness.client.clientId, packId, shardIndex: 0 });
const get = (packId: string, method: 'GET' | 'HEAD' = 'GET') =>
  harness.client.send(method, shardPath(packId, 0), harness.grant('get'));

function flipBit(file: string, at: number): void {
  const byte = readFileSync(file)[at]! ^ 0x10;
  const fd = openSync(file, 'r+');
  writeSync(fd, Uint8Array.of(byte), 0, 1, at);
  closeSync(fd);
}
const LENGTH = GROUPS * GROUP_BYTES;

const IN_THE_BYTES: [string, (file: string) => void][] = [
  ['a flipped bit in its first byte', (file) => flipBit(file, 0)],
  ['a flipped bit in its last byte', (file) => flipBit(file, LENGTH - 1)],
  ['a flipped bit somewhere', (file) => flipBit(file, 1_234_567)],
  [
    'the bytes of another group',
    (file) => {
      const fd = openSync(file, 'r+');
      writeSync(fd, readFileSync(file), 3 * GROUP_BYTES, GROUP_BYTES, 5 * GROUP_BYTES);
      closeSync(fd);
    },
  ],
];
const IN_THE_FILE: [string, (file: string) => void][] = [
  ['a flipped bit in its hashes', (file) => flipBit(file, LENGTH + 40)],
  ['a flipped bit in its record', (file) => flipBit(file, LENGTH + 4096 - 150)],
  ['a flipped bit in its checksum', (file) => flipBit(file, LENGTH + 4095)],
  ['a file cut by a block', (file) => truncateSync(file, LENGTH)],
  ['a file cut in the middle', (file) => truncateSync(file, 100_000)],
  ['an empty file', (file) => truncateSync(file, 0)],
  ['a file that grew', (file) => truncateSync(file, LENGTH + 8192)],
  ['zeros instead of it, as after a lost sync', (file) => writeFileSync(file, Buffer.alloc(LENGTH + 4096))],
];

/** All of them are reported once and served no more, and what stands in the books is what lies on the disk. */
async function expectLost(...lost: readonly Stored[]): Promise<void> {
  for (const { packId } of lost) {
    expect((await get(packId)).json['code']).toBe('shard.unknown');
    expect((await get(packId, 'HEAD')).status).toBe(404);
  }
  await harness.node.heartbeatNow();
  await harness.node.heartbeatNow();
  const packs = lost.map(({ packId }) => packId).sort((a, b) => (a < b ? -1 : 1));
  expect(harness.mediator.losses.map(({ packId }) => packId).sort((a, b) => (a < b ? -1 : 1))).toEqual(packs);
  expect(harness.mediator.heartbeats.at(-1)!.usedBytes).toBe(bytesOnDisk(harness.node.dataDir));
  expect(shardsOnDisk(harness.node.dataDir).filter((file) => packs.includes(file.packId))).toEqual([]);
}

/** A shard for each kind of damage, damaged so. */
async function storeDamaged(kinds: readonly (typeof IN_THE_FILE)[number][]): Promise<(Stored & { what: string })[]> {
  const stored: (Stored & { what: string })[] = [];
  for (const [what, damage] of kinds) {
    const shard = await store();
    damage(shard.file);
    stored.push({ ...shard, what });
  }
  return stored;
}

describe('the scrub finds', () => {
  test('each kind of damage, and only that', async () => {
    const whole = await store();
    const damaged = await storeDamaged([...IN_THE_BYTES, ...IN_THE_FILE]);
    const { length } = damaged;
    expect(await harness.node.scrubNow()).toEqual({ checked: length + 1, damaged: length });
    const aside = namesIn(harness.node.dataDir, 'quarantine');
    for (const { packId, what } of damaged) {
      expect([what, aside.filter((name) => name.includes(packId)).length]).toEqual([what, 1]);
    }
    expect(await harness.node.scrubNow()).toEqual({ checked: 1, damaged: 0 });
    await expectLost(...damaged);
    expect((await get(whole.packId)).bytes.equals(whole.bytes)).toBe(true);
    // The client may send one again: then it is whole, and the old report stands.
    const { packId, bytes } = damaged[0]!;
    expect((await harness.client.putShard(harness.grant('put'), packId, 0, bytes)).status).toBe(201);
    expect((await get(packId)).bytes.equals(bytes)).toBe(true);
    expect(await harness.node.scrubNow()).toEqual({ checked: 2, damaged: 0 });
    await harness.node.heartbeatNow();
    expect(harness.mediator.losses).toHaveLength(length);
  });

  test('nothing where nothing is, and every shard once', async () => {
    expect(await harness.node.scrubNow()).toEqual({ checked: 0, damaged: 0 });
    for (let count = 0; count < 5; count += 1) await store(count % 2 === 0);
    expect(await harness.node.scrubNow()).toEqual({ checked: 5, damaged: 0 });
  });

  test('that a committed file is gone, and that an uncommitted one is, which is nobody’s loss', async () => {
    const [bad, uncommitted] = [await store(), await store(false)];
    rmSync(bad.file);
    rmSync(uncommitted.file);
    expect(await harness.node.scrubNow()).toEqual({ checked: 1, damaged: 1 });
    expect(await harness.node.scrubNow()).toEqual({ checked: 0, damaged: 0 });
    harness.mediator.addOrder({ kind: 'delete', shards: [nameOf(uncommitted.packId)] });
    await expectLost(bad);
    expect(harness.mediator.heartbeats.at(-1)!.usedBytes).toBe(0);
  });

  test('another shard that lies under this name', async () => {
    const [one, other] = [await store(), await store()];
    copyFileSync(one.file, other.file);
    expect(await harness.node.scrubNow()).toEqual({ checked: 2, damaged: 1 });
    await expectLost(other);
  });
});

describe('a reader finds', () => {
  test('each kind of damage to the file itself', async () => {
    const kinds = IN_THE_FILE.filter(([what]) => !what.includes('bit') && !what.includes('zeros'));
    const damaged = await storeDamaged(kinds);
    for (const { packId, what } of damaged) {
      const answer = await get(packId);
      expect([what, answer.status, answer.json['code']]).toEqual([what, 503, 'shard.damaged']);
    }
    await expectLost(...damaged);
  });

  test('that a committed file is gone', async () => {
    const bad = await store();
    rmSync(bad.file);
    expect((await get(bad.packId)).json['code']).toBe('shard.unknown');
    await expectLost(bad);
    expect(namesIn(harness.node.dataDir, 'quarantine')).toEqual([]);
  });

  test('that an uncommitted file is gone, which is nobody’s loss', async () => {
    const gone = await store(false);
    rmSync(gone.file);
    expect((await get(gone.packId)).json['code']).toBe('shard.unknown');
    await harness.node.heartbeatNow();
    expect(harness.mediator.losses).toEqual([]);
  });

  test('a damaged trailer when asked for the root', async () => {
    const bad = await store();
    flipBit(bad.file, LENGTH + 40);
    expect((await get(bad.packId, 'HEAD')).status).toBe(503);
    await expectLost(bad);
  });
});

describe('the next start finds', () => {
  test('each file of a wrong size', async () => {
    const whole = await store();
    const damaged = await storeDamaged(IN_THE_FILE.filter(([what]) => /cut|grew|empty/.test(what)));
    await harness.restart();
    await expectLost(...damaged);
    expect((await get(whole.packId)).bytes.equals(whole.bytes)).toBe(true);
  });

  test('that a committed file is gone', async () => {
    const bad = await store();
    await store();
    rmSync(bad.file);
    await harness.restart();
    await expectLost(bad);
  });

  test('litter of a crash, and files that are none of its own', async () => {
    const { dataDir } = harness.node;
    const { packId, bytes } = await store();
    writeFileSync(join(dataDir, 'incoming', 'half-written'), Buffer.alloc(100_000));
    mkdirSync(join(dataDir, 'incoming', 'directory'));
    writeFileSync(join(dataDir, 'shards', 'notes.txt'), 'mine');
    mkdirSync(join(dataDir, 'shards', 'zz'));
    await harness.restart();
    expect(namesIn(dataDir, 'incoming')).toEqual([]);
    expect(readFileSync(join(dataDir, 'shards', 'notes.txt'), 'utf8')).toBe('mine');
    expect((await get(packId)).bytes.equals(bytes)).toBe(true);
    rmSync(join(dataDir, 'shards', 'notes.txt'));
    expect(harness.mediator.heartbeats.at(-1)!.usedBytes).toBe(bytesOnDisk(dataDir));
  });
});

describe('the state of the node is lost', () => {
  const stateFiles = ['state.sqlite', 'state.sqlite-wal', 'state.sqlite-shm'];
  const change: [string, (dataDir: string) => void][] = [
    ['by deleting it', (dataDir) => stateFiles.forEach((name) => rmSync(join(dataDir, name), { force: true }))],
    ['by nonsense in it', (dataDir) => writeFileSync(join(dataDir, 'state.sqlite'), Buffer.alloc(50_000, 0x55))],
    [
      'by a hole in it',
      (dataDir) => {
        const path = join(dataDir, 'state.sqlite');
        const bytes = readFileSync(path);
        writeFileSync(path, bytes.fill(0xff, 4096, 8192));
      },
    ],
  ];
  test.each(change)('%s: all shards are there, and nothing but an order to delete removes one', async (_, lose) => {
    const upload = harness.uploadId();
    const packs = [harness.packId(), harness.packId()];
    for (const packId of packs) {
      await harness.client.putShard(harness.grant('put', { uploadId: upload }), packId, 0, harness.shard(3));
    }
    harness.mediator.addOrder({ kind: 'committed', shards: [nameOf(packs[0]!)] });
    await harness.node.heartbeatNow();
    await harness.restart({}, () => lose(harness.node.dataDir));
    harness.mediator.addOrder({ kind: 'discard-upload', uploadId: upload });
    await harness.node.heartbeatNow();
    expect(new Set(shardsOnDisk(harness.node.dataDir).map(({ packId }) => packId))).toEqual(new Set(packs));
    expect(await harness.node.scrubNow()).toEqual({ checked: 2, damaged: 0 });
    expect(harness.mediator.losses).toEqual([]);
    expect(harness.mediator.heartbeats.at(-1)).toMatchObject({
      usedBytes: bytesOnDisk(harness.node.dataDir),
      carriedOutOrder: 2,
    });
    harness.mediator.addOrder({ kind: 'delete', shards: packs.map(nameOf) });
    await harness.node.heartbeatNow();
    expect(shardsOnDisk(harness.node.dataDir)).toEqual([]);
  });

  test('a damaged file of copies does not stop the node', async () => {
    const { packId, bytes } = await store();
    await harness.restart({}, () => writeFileSync(join(harness.node.dataDir, 'copies.sqlite'), Buffer.alloc(9000, 1)));
    expect((await get(packId)).bytes.equals(bytes)).toBe(true);
    expect(namesIn(harness.node.dataDir, '.').filter((name) => name.includes('.damaged-'))).toHaveLength(1);
  });
});
