/** Golden vectors of keys, packs, records and streams: what is written today must stay readable for ever. */
import { createCipheriv, createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { fromHex, type HoldfastError, toHex } from '@holdfast/protocol';
import * as codec from './index.ts';
import { PackTable } from './pack-table.ts';
import { streamOf } from './test-bytes.ts';

/** Byte strings and bigints are marked, since JSON has neither. */
function load<T>(name: string): T {
  const text = readFileSync(new URL(`../../../test/vectors/${name}`, import.meta.url), 'utf8');
  return JSON.parse(text, (_, value: unknown) => {
    if (typeof value !== 'string') return value;
    if (value.startsWith('bytes:')) return fromHex(value.slice(6));
    return value.startsWith('bigint:') ? BigInt(value.slice(7)) : value;
  }) as T;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const sameBytes = (found: Uint8Array, expected: Uint8Array) => expect(toHex(found)).toBe(toHex(expected));

/** The code of what `action` throws; anything but an error of the catalogue fails the test. */
function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    return (error as HoldfastError).code;
  }
  return 'accepted';
}

describe('keys.json', () => {
  const vectors = load<{
    keys: codec.VaultKeys;
    packId: string;
    vaultId: string;
    packKey: Uint8Array;
    paddingKey: Uint8Array;
    packMaskKey: Uint8Array;
    shardMaskKeys: { shardIndex: number; key: Uint8Array }[];
    headKeys: { sequence: number; key: Uint8Array }[];
    gearTable: { first: bigint[]; sha256OfLittleEndian: string };
    chunkIds: { label: string; lengthBytes: number; id: Uint8Array }[];
    masked: { shardIndex: number; first: Uint8Array; sha256: string }[];
  }>('keys.json');
  const { keys, packId, vaultId } = vectors;

  test('derived keys', () => {
    sameBytes(codec.packKey(keys.dataKey, packId), vectors.packKey);
    sameBytes(codec.paddingKey(keys.dataKey, packId), vectors.paddingKey);
    sameBytes(codec.packMaskKey(keys.maskKey, packId), vectors.packMaskKey);
    for (const { shardIndex, key } of vectors.shardMaskKeys) {
      sameBytes(codec.shardMaskKey(vectors.packMaskKey, shardIndex), key);
    }
    for (const { sequence, key } of vectors.headKeys) sameBytes(codec.headKey(keys.dataKey, vaultId, sequence), key);
  });

  test('gear table', () => {
    const table = codec.gearTable(keys.gearKey);
    expect([...table.subarray(0, 4)]).toEqual(vectors.gearTable.first);
    expect(sha256(new Uint8Array(table.buffer))).toBe(vectors.gearTable.sha256OfLittleEndian);
  });

  test('chunk ids', () => {
    const idOf = codec.createChunkIdHasher(keys.chunkIdKey);
    for (const { label, lengthBytes, id } of vectors.chunkIds) sameBytes(idOf(streamOf(label, lengthBytes)), id);
  });

  test('masks', () => {
    for (const { shardIndex, first, sha256: expected } of vectors.masked) {
      const shard = new Uint8Array(65_536);
      codec.maskShard(vectors.packMaskKey, shardIndex, shard);
      sameBytes(shard.subarray(0, first.length), first);
      expect(sha256(shard)).toBe(expected);
    }
  });
});

describe('packs.json', () => {
  interface Part {
    label?: string;
    text?: string;
    lengthBytes: number;
  }
  interface ValidPack {
    name: string;
    kind: codec.PackKind;
    dataShards: number;
    parityShards: number;
    parts: Part[];
    reproducible: boolean;
    shardLengthBytes: number;
    table: Uint8Array;
    framesSha256: string;
    frames: Uint8Array | null;
    tail: Uint8Array;
    packSha256: string;
  }
  const vectors = load<{
    keys: codec.VaultKeys;
    packId: string;
    valid: ValidPack[];
    readable: { name: string; frames: Uint8Array; tail: Uint8Array; chunks: Uint8Array[] }[];
    invalid: { name: string; reason: string; code: string; frames: Uint8Array; tail: Uint8Array }[];
  }>('packs.json');
  const { keys, packId } = vectors;
  const { dataKey, chunkIdKey } = keys;
  const idOf = codec.createChunkIdHasher(chunkIdKey);
  const plaintextOf = ({ label, text, lengthBytes }: Part): Uint8Array =>
    text === undefined ? streamOf(label!, lengthBytes) : Buffer.alloc(lengthBytes, text);

  /** A pack from its written parts: padding as the format says it is made. */
  function assemble(frames: Uint8Array, tail: Uint8Array, lengthBytes: number): Uint8Array {
    const stream = createCipheriv('aes-256-ctr', codec.paddingKey(dataKey, packId), new Uint8Array(16));
    const padding = stream.update(new Uint8Array(lengthBytes - frames.length - tail.length));
    return new Uint8Array(Buffer.concat([frames, padding, tail]));
  }

  function readAll(pack: Uint8Array): Map<string, Uint8Array> {
    const reader = new codec.PackReader({ dataKey, chunkIdKey, packId });
    const { table } = reader.readPack(pack);
    return new Map([...table.entries()].map((entry) => [toHex(entry.id), reader.openChunkOf(pack, entry)]));
  }

  function build(vector: ValidPack): Uint8Array {
    const { kind, dataShards, parityShards } = vector;
    const policy = { dataShards, parityShards };
    const region = new Uint8Array(codec.packCapacityBytes(policy));
    const randomness = { bytes: () => fromHex(packId) };
    const builder = new codec.PackBuilder({ dataKey, kind, policy, region, randomness, compressionLevel: 0 });
    for (const part of vector.parts) builder.addChunk(idOf(plaintextOf(part)), plaintextOf(part));
    const closed = builder.finish();
    sameBytes(closed.table.bytes, vector.table);
    return region.subarray(0, closed.packLengthBytes);
  }

  test.each(vectors.valid.map((vector) => [vector.name, vector] as const))('valid: %s', (_, vector) => {
    const packLengthBytes = vector.dataShards * vector.shardLengthBytes;
    const pack = vector.frames === null ? build(vector) : assemble(vector.frames, vector.tail, packLengthBytes);
    expect(sha256(pack)).toBe(vector.packSha256);
    const table = new PackTable(vector.table);
    expect(sha256(pack.subarray(0, table.framesBytes))).toBe(vector.framesSha256);
    sameBytes(pack.subarray(packLengthBytes - vector.tail.length), vector.tail);
    const chunks = readAll(pack);
    expect(chunks.size).toBe(vector.parts.length);
    for (const part of vector.parts) {
      expect(sha256(chunks.get(toHex(idOf(plaintextOf(part))))!)).toBe(sha256(plaintextOf(part)));
    }
    const { trailer } = new codec.PackReader({ dataKey, chunkIdKey, packId }).readPack(pack);
    const { kind, dataShards, parityShards, shardLengthBytes } = vector;
    expect(trailer).toMatchObject({ kind, policy: { dataShards, parityShards }, shardLengthBytes });
  });

  test.each(vectors.readable.map((vector) => [vector.name, vector] as const))('readable: %s', (_, vector) => {
    const chunks = [...readAll(assemble(vector.frames, vector.tail, 65_536)).values()];
    expect(chunks.map(toHex)).toEqual(vector.chunks.map(toHex));
  });

  test.each(vectors.invalid.map((vector) => [`${vector.name}: ${vector.reason}`, vector] as const))(
    'invalid: %s',
    (_, vector) => {
      expect(codeOf(() => readAll(assemble(vector.frames, vector.tail, 65_536)))).toBe(vector.code);
    },
  );
});

describe('records.json', () => {
  const vectors = load<{
    dataKey: Uint8Array;
    head: codec.HeadPlace & { nonce: Uint8Array };
    valid: { record: string; name: string; value: unknown; bytes: Uint8Array }[];
    invalid: { record: string; name: string; reason: string; code: string; bytes: Uint8Array }[];
  }>('records.json');
  const { dataKey, head } = vectors;
  const place = { vaultId: head.vaultId, sequence: head.sequence };

  interface RecordCodec {
    /** A method, so that it may take less than everything. */
    encode(value: unknown): Uint8Array;
    decode(bytes: Uint8Array): unknown;
  }
  const made = <T>(encode: (value: T) => Uint8Array, decode: (bytes: Uint8Array) => unknown): RecordCodec => ({
    encode,
    decode,
  });
  const codecs: Record<string, RecordCodec> = {
    tree: made(codec.encodeTree, codec.decodeTree),
    snapshot: made(codec.encodeSnapshot, codec.decodeSnapshot),
    'snapshot list': made(codec.encodeSnapshotList, codec.decodeSnapshotList),
    head: made(
      (content: codec.HeadContent) => codec.sealHead(dataKey, place, content, { bytes: () => head.nonce }),
      (bytes) => codec.openHead(dataKey, place, bytes),
    ),
    index: made(
      (packs: (Omit<codec.IndexedPack, 'table'> & { table: Uint8Array })[]) => {
        const encoder = new codec.IndexEncoder();
        for (const pack of packs) encoder.add({ ...pack, table: new PackTable(pack.table) });
        return encoder.finish()!;
      },
      (bytes) => codec.decodeIndexChunk(bytes).map(({ table, ...pack }) => ({ ...pack, table: table.bytes })),
    ),
  };

  test.each(vectors.valid.map((vector) => [`${vector.record}, ${vector.name}`, vector] as const))(
    'valid: %s',
    (_, { record, value, bytes }) => {
      sameBytes(codecs[record]!.encode(value), bytes);
      expect(codecs[record]!.decode(bytes)).toEqual(value);
    },
  );

  test.each(vectors.invalid.map((vector) => [`${vector.record}, ${vector.name}: ${vector.reason}`, vector] as const))(
    'invalid: %s',
    (_, { record, bytes, code }) => {
      expect(codeOf(() => codecs[record]!.decode(bytes))).toBe(code);
    },
  );
});

describe('streams.json', () => {
  interface StreamCase {
    chunkCount: number;
    sizeBytes: number;
    depth: number;
    idCount: number;
    ids?: Uint8Array[];
    idsSha256?: string;
    listCount: number;
    lists: { lengthBytes: number; id: Uint8Array }[];
  }
  const { chunkIdKey, cases } = load<{ chunkIdKey: Uint8Array; cases: StreamCase[] }>('streams.json');
  const idOf = codec.createChunkIdHasher(chunkIdKey);

  test.each(cases.map((vector) => [vector.chunkCount, vector] as const))('%d chunks', async (chunkCount, vector) => {
    const lists: { lengthBytes: number; id: string }[] = [];
    const builder = new codec.StreamRefBuilder((plaintext) => {
      const id = idOf(plaintext);
      lists.push({ lengthBytes: plaintext.length, id: toHex(id) });
      return id;
    });
    for (let number = 0; number < chunkCount; number += 1) {
      const id = Buffer.alloc(32);
      id.writeUInt32BE(number, 28);
      await builder.add(id, 1000);
    }
    const { sizeBytes, depth, ids } = await builder.finish();
    expect({ sizeBytes, depth, idCount: ids.length, listCount: lists.length }).toEqual({
      sizeBytes: vector.sizeBytes,
      depth: vector.depth,
      idCount: vector.idCount,
      listCount: vector.listCount,
    });
    if (vector.ids === undefined) expect(sha256(Buffer.concat(ids))).toBe(vector.idsSha256);
    else expect(ids.map(toHex)).toEqual(vector.ids.map(toHex));
    const given = lists.length > 4 ? [lists[0], lists.at(-1)] : lists;
    expect(given).toEqual(vector.lists.map(({ lengthBytes, id }) => ({ lengthBytes, id: toHex(id) })));
  });
});
