import { expect, test } from '@jest/globals';
import { toHex } from '@holdfast/protocol';
import fc from 'fast-check';
import {
  createChunkIdHasher,
  maskRange,
  maskShard,
  PackBuilder,
  packCapacityBytes,
  packMaskKey,
  packRange,
  PackReader,
  SHARD_LENGTH_CLASSES,
  shardLengthFor,
  tailBytesOf,
  tailColumn,
} from './index.ts';
import { streamOf } from './test-bytes.ts';

const dataKey = streamOf('data key', 32);
const chunkIdKey = streamOf('chunk-id key', 32);
const maskKey = streamOf('mask key', 32);
const idOf = createChunkIdHasher(chunkIdKey);
const policy = { dataShards: 4, parityShards: 4 };

/** Each builder gets another label, as each real one gets fresh bytes. */
let drawn = 0;
const randomness = { bytes: (count: number) => streamOf(`pack id ${(drawn += 1)}`, count) };
const region = new Uint8Array(packCapacityBytes(policy));
const newBuilder = (compressionLevel = 1) =>
  new PackBuilder({ dataKey, kind: 'data', policy, region, randomness, compressionLevel });

const plaintextOf = (label: string, lengthBytes: number, compressible: boolean): Uint8Array =>
  compressible ? Buffer.alloc(lengthBytes, `${label} again and `) : streamOf(label, lengthBytes);

const chunks = fc.array(
  fc.record({ label: fc.string(), lengthBytes: fc.integer({ min: 1, max: 300_000 }), compressible: fc.boolean() }),
  { minLength: 1, maxLength: 12 },
);

test('every chunk comes back out of the pack, and only a part of a whole shard is used for what is small', () => {
  fc.assert(
    fc.property(chunks, (parts) => {
      const builder = newBuilder();
      const plaintexts = parts.map((part) => plaintextOf(part.label, part.lengthBytes, part.compressible));
      for (const plaintext of plaintexts) builder.addChunk(idOf(plaintext), plaintext);
      const closed = builder.finish();
      expect(SHARD_LENGTH_CLASSES).toContain(closed.shardLengthBytes);
      const pack = region.slice(0, closed.packLengthBytes);
      const reader = new PackReader({ dataKey, chunkIdKey, packId: closed.packId });
      const { trailer, table } = reader.readPack(pack);
      expect(trailer).toMatchObject({ kind: 'data', policy, chunkCount: parts.length, packLengthBytes: pack.length });
      expect(Buffer.from(table.bytes).equals(closed.table.bytes)).toBe(true);
      const found = [...table.entries()].map((entry) =>
        Buffer.from(reader.openChunkOf(pack, entry)).toString('latin1'),
      );
      expect(found.sort()).toEqual(plaintexts.map((plaintext) => Buffer.from(plaintext).toString('latin1')).sort());
      expect(new Set([...table.entries()].map((entry) => entry.frame)).size).toBe(table.frameCount);
    }),
    { numRuns: 25 },
  );
});

test('what compresses is stored compressed, what does not is stored as it is, and small chunks share a frame', () => {
  const builder = newBuilder();
  const lengths = [100_000, 200_000, 3, 50_000, 60_000, 30_000, 65_536];
  const plaintexts = lengths.map((length, place) => plaintextOf(`part ${place}`, length, place % 2 === 0));
  for (const plaintext of plaintexts) builder.addChunk(idOf(plaintext), plaintext);
  const closed = builder.finish();
  const { table } = closed;
  expect([...table.entries()].map((entry) => [entry.frame, entry.plaintextBytes, entry.plaintextOffset])).toEqual([
    [0, 100_000, 0],
    [1, 200_000, 0],
    [2, 3, 0],
    [2, 50_000, 3],
    [2, 60_000, 50_003],
    [3, 30_000, 0],
    [3, 65_536, 30_000],
  ]);
  expect(table.entry(0).compressed).toBe(true);
  expect(table.entry(1)).toMatchObject({ compressed: false, sealedBytes: 200_016 });
  expect(table.entry(4)).toMatchObject({ compressed: true, framePlaintextBytes: 110_003 });
  expect(closed.contentBytes).toBe(table.framesBytes + tailBytesOf(7));
  const reader = new PackReader({ dataKey, chunkIdKey, packId: closed.packId });
  for (const place of [6, 3, 2, 0, 4, 5, 1]) {
    expect(Buffer.from(reader.openChunkOf(region, table.entry(place))).equals(plaintexts[place]!)).toBe(true);
  }
});

test('a builder takes no more than its capacity, and then still has room for its table', () => {
  const builder = newBuilder(0);
  const plaintext = streamOf('a large chunk', 4 * 1024 * 1024);
  const id = idOf(plaintext);
  while (builder.canAdd(plaintext.length)) builder.addChunk(id, plaintext);
  expect(builder.chunkCount).toBe(7);
  let length = plaintext.length;
  for (; length > 0; length = Math.floor(length / 2)) {
    if (builder.canAdd(length)) builder.addChunk(idOf(plaintext.subarray(0, length)), plaintext.subarray(0, length));
  }
  expect(() => builder.addChunk(id, plaintext)).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
  const closed = builder.finish();
  expect(closed.packLengthBytes).toBe(packCapacityBytes(policy));
  const reader = new PackReader({ dataKey, chunkIdKey, packId: closed.packId });
  const { table } = reader.readPack(region);
  expect(reader.openChunkOf(region, table.entry(6)).length).toBe(plaintext.length);
});

test('a pack holds 16,384 small chunks and no more', () => {
  const builder = newBuilder(0);
  const plaintext = streamOf('small', 10);
  const id = idOf(plaintext);
  for (let count = 0; count < 16_384; count += 1) builder.addChunk(id, plaintext);
  expect(builder.canAdd(1)).toBe(false);
  const closed = builder.finish();
  const { table } = new PackReader({ dataKey, chunkIdKey, packId: closed.packId }).readPack(
    region.subarray(0, closed.packLengthBytes),
  );
  expect(table.frameCount).toBe(2);
  expect(table.entry(16_383)).toMatchObject({ frame: 1, plaintextOffset: 163_840 - 131_070 - 10, plaintextBytes: 10 });
});

test('a pack is sealed once: after finish the builder takes nothing more, and each builder draws its own id', () => {
  const builder = newBuilder();
  const plaintext = streamOf('x', 100);
  builder.addChunk(idOf(plaintext), plaintext);
  builder.finish();
  const refused = expect.objectContaining({ code: 'codec.bad-argument' });
  expect(() => builder.addChunk(idOf(plaintext), plaintext)).toThrow(refused);
  expect(() => builder.finish()).toThrow(refused);
  expect(newBuilder().packId).not.toBe(builder.packId);
  expect(() => newBuilder().finish()).toThrow(refused);
  for (const level of [-1, 1.5, 20]) expect(() => newBuilder(level)).toThrow(refused);
});

test('the same chunk seals to other bytes in every pack and at every place', () => {
  const plaintext = streamOf('twin', 70_000);
  const id = idOf(plaintext);
  const frames = [newBuilder(0), newBuilder(0)].flatMap((builder) => {
    builder.addChunk(id, plaintext);
    builder.addChunk(id, plaintext);
    return [region.slice(0, 70_016), region.slice(70_016, 140_032)].map((frame) => Buffer.from(frame).toString('hex'));
  });
  expect(new Set(frames).size).toBe(4);
});

test('trailer, table and frames are found by ranges of shards', () => {
  const builder = newBuilder();
  const plaintexts = [1, 70_000, 150_000, 5, 400_000].map((length) => streamOf(`part ${length}`, length));
  for (const plaintext of plaintexts) builder.addChunk(idOf(plaintext), plaintext);
  const { packId, shardLengthBytes, packLengthBytes } = builder.finish();
  const shards = Array.from({ length: 4 }, (_, place) =>
    region.slice(place * shardLengthBytes, (place + 1) * shardLengthBytes),
  );
  const reader = new PackReader({ dataKey, chunkIdKey, packId });
  const column = tailColumn(100, shardLengthBytes);
  expect(column.offset % 64).toBe(0);
  const tail = shards[3]!.subarray(column.offset, column.offset + column.lengthBytes);
  const trailer = reader.readTrailer(tail, packLengthBytes);
  const wide = tailColumn(trailer.tailBytes, shardLengthBytes);
  const table = reader.readTable(shards[3]!.subarray(wide.offset), trailer);
  const found: (string | number)[] = [];
  for (const entry of table.entries()) {
    const ranges = packRange(entry.offset, entry.sealedBytes, shardLengthBytes);
    const sealed = ranges.map((range) =>
      shards[range.shardIndex]!.subarray(range.offset, range.offset + range.lengthBytes),
    );
    found.push(toHex(entry.id), Buffer.compare(idOf(reader.openChunk(entry, Buffer.concat(sealed))), entry.id));
  }
  expect(found.filter((item) => item === 0).length).toBe(5);
  expect(found).toEqual(expect.arrayContaining(plaintexts.map((plaintext) => toHex(idOf(plaintext)))));
});

test('damage anywhere in frame, table or trailer is a typed error; the padding may hold anything', () => {
  const builder = newBuilder();
  const plaintext = streamOf('to be damaged', 50_000);
  builder.addChunk(idOf(plaintext), plaintext);
  const { packId, packLengthBytes } = builder.finish();
  const pack = region.slice(0, packLengthBytes);
  const readAll = (bytes: Uint8Array) => {
    const reader = new PackReader({ dataKey, chunkIdKey, packId });
    return [...reader.readPack(bytes).table.entries()].map((entry) => reader.openChunkOf(bytes, entry).length);
  };
  expect(readAll(pack)).toEqual([50_000]);
  const damagedError = expect.objectContaining({ code: 'codec.damaged' });
  for (const at of [
    0,
    49_999,
    50_015,
    packLengthBytes - 121,
    packLengthBytes - 65,
    packLengthBytes - 64,
    packLengthBytes - 1,
  ]) {
    const bad = pack.slice();
    bad[at]! ^= 1;
    expect(() => readAll(bad)).toThrow(damagedError);
  }
  const padded = pack.slice();
  padded[60_000]! ^= 1;
  expect(readAll(padded)).toEqual([50_000]);
  const other = new PackReader({ dataKey: streamOf('another key', 32), chunkIdKey, packId });
  expect(() => other.readPack(pack)).toThrow(damagedError);
  const renamed = new PackReader({ dataKey, chunkIdKey, packId: '00'.repeat(32) });
  expect(() => renamed.readPack(pack)).toThrow(damagedError);
  const otherIds = new PackReader({ dataKey, chunkIdKey: maskKey, packId });
  expect(() => otherIds.openChunkOf(pack, otherIds.readPack(pack).table.entry(0))).toThrow(damagedError);
});

test('masking twice gives the shard back, and any range of it can be unmasked alone', () => {
  const key = packMaskKey(maskKey, '11'.repeat(32));
  const shard = streamOf('a shard', 3 * 64 * 1024 + 300_000 * 2);
  fc.assert(
    fc.property(fc.nat(shard.length / 16 - 1), fc.nat(70_000), fc.nat(39), (block, lengthBytes, shardIndex) => {
      const masked = shard.slice();
      maskShard(key, shardIndex, masked);
      const part = masked.slice(block * 16, block * 16 + lengthBytes);
      maskRange(key, shardIndex, block * 16, part);
      expect(Buffer.from(part).equals(shard.subarray(block * 16, block * 16 + lengthBytes))).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test('the pieces that masking hands over are the masked shard, in whole groups', () => {
  const key = packMaskKey(maskKey, '22'.repeat(32));
  const shard = streamOf('another shard', 5 * 128 * 1024);
  const pieces: Uint8Array[] = [];
  maskShard(key, 3, shard, (piece) => pieces.push(piece.slice()));
  expect(Buffer.concat(pieces).equals(shard)).toBe(true);
  expect(pieces.every((piece) => piece.length % 65_536 === 0)).toBe(true);
  const sibling = streamOf('another shard', 5 * 128 * 1024);
  maskShard(key, 4, sibling);
  expect(Buffer.from(sibling).equals(shard)).toBe(false);
});

test('shard lengths are powers of two and one and a half of them, and a full pack nearly fills its class', () => {
  expect(SHARD_LENGTH_CLASSES.map((length) => length / 65_536)).toEqual([
    1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024,
  ]);
  for (let dataShards = 1; dataShards <= 20; dataShards += 1) {
    const capacity = packCapacityBytes({ dataShards, parityShards: dataShards });
    expect(capacity).toBeLessThanOrEqual(32 * 1024 * 1024);
    expect(capacity).toBeGreaterThanOrEqual(22 * 1024 * 1024);
    expect(shardLengthFor(capacity, dataShards) * dataShards).toBe(capacity);
    expect(shardLengthFor(1, dataShards)).toBe(65_536);
  }
});
