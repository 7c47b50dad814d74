/** Damaged and hostile input for every decoder: a typed error or a value, never a crash, a hang or a large allocation. */
import { expect, test } from '@jest/globals';
import { equalBytes, HoldfastError } from '@holdfast/protocol';
import fc from 'fast-check';
import { decompress } from './compress.ts';
import { decodeHeadContent, encodeHeadContent } from './head.ts';
import {
  createChunkIdHasher,
  decodeIndexChunk,
  decodeSnapshot,
  decodeSnapshotList,
  decodeTree,
  encodeSnapshot,
  encodeSnapshotList,
  encodeTree,
  IndexEncoder,
  PackBuilder,
  packCapacityBytes,
  PackReader,
  type PackTrailer,
} from './index.ts';
import { packKey } from './pack-keys.ts';
import { PackTable } from './pack-table.ts';
import { decodeTrailer, encodeTrailer } from './pack-trailer.ts';
import { PackSealer } from './seal.ts';
import { streamOf } from './test-bytes.ts';
import { headContent, indexedPacks, packTable, snapshot, snapshotList, treeEntries } from './test-records.ts';

const KNOWN = ['codec.damaged', 'codec.unsupported-version', 'codec.wrong-key'];
/** What a decoder may take beside its input, in ArrayBuffers. */
const MAX_EXTRA_BYTES = 48 * 1024 * 1024;

interface Damage {
  readonly kind: 'flip' | 'cut' | 'insert' | 'number' | 'copy';
  readonly at: number;
  readonly value: number;
}

const damages = fc.array(
  fc.record<Damage>({
    kind: fc.constantFrom('flip', 'cut', 'insert', 'number', 'copy'),
    at: fc.nat(),
    value: fc.oneof(fc.nat(255), fc.constantFrom(0xffff_ffff, 0x7fff_ffff, 0x8000_0000, 0x0010_0001, 0xffff)),
  }),
  { minLength: 0, maxLength: 3 },
);

function harm(bytes: Uint8Array, { kind, at, value }: Damage): Uint8Array {
  if (bytes.length === 0) return bytes;
  const place = at % bytes.length;
  const harmed = Buffer.from(bytes);
  if (kind === 'cut') return harmed.subarray(0, place);
  if (kind === 'flip') harmed[place]! ^= 1 << (value % 8);
  if (kind === 'insert')
    return Buffer.concat([harmed.subarray(0, place), Buffer.of(value & 255), harmed.subarray(place)]);
  if (kind === 'number' && place + 4 <= harmed.length) harmed.writeUInt32BE(value >>> 0, place);
  if (kind === 'copy') return Buffer.concat([harmed.subarray(0, place), harmed.subarray(value % bytes.length)]);
  return harmed;
}

/** Runs one decoder; what it accepts must be the one encoding of what it gave. */
function survives<T>(
  decode: (bytes: Uint8Array) => T,
  encode: ((value: T) => Uint8Array) | undefined,
  bytes: Uint8Array,
): void {
  const before = process.memoryUsage().arrayBuffers;
  let value: T;
  try {
    value = decode(bytes);
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    expect(KNOWN).toContain(error.code);
    return;
  } finally {
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MAX_EXTRA_BYTES);
  }
  if (encode !== undefined) expect(equalBytes(encode(value), bytes)).toBe(true);
}

function encodeIndex(packs: Parameters<IndexEncoder['add']>[0][]): Uint8Array {
  const encoder = new IndexEncoder();
  const chunks = [...packs.map((pack) => encoder.add(pack)), encoder.finish()];
  return Buffer.concat(chunks.filter((chunk) => chunk !== undefined));
}

const PACK_BYTES = 4 * 8 * 1024 * 1024;
const trailer = packTable.map(({ chunkCount, frameCount, framesBytes }) =>
  encodeTrailer({
    kind: 'tree',
    policy: { dataShards: 4, parityShards: 4 },
    shardLengthBytes: PACK_BYTES / 4,
    chunkCount,
    frameCount,
    framesBytes,
  }),
);

const decoders: [string, fc.Arbitrary<Uint8Array>, (bytes: Uint8Array) => void][] = [
  ['tree', treeEntries.map(encodeTree), (bytes) => survives(decodeTree, encodeTree, bytes)],
  ['snapshot', snapshot.map(encodeSnapshot), (bytes) => survives(decodeSnapshot, encodeSnapshot, bytes)],
  ['index', indexedPacks.map(encodeIndex), (bytes) => survives(decodeIndexChunk, encodeIndex, bytes)],
  ['head', headContent.map(encodeHeadContent), (bytes) => survives(decodeHeadContent, encodeHeadContent, bytes)],
  [
    'snapshot list',
    snapshotList.map(encodeSnapshotList),
    (bytes) => survives(decodeSnapshotList, encodeSnapshotList, bytes),
  ],
  [
    'table',
    packTable.map((table) => table.bytes),
    (bytes) =>
      survives(
        (raw) => new PackTable(raw),
        (table) => table.bytes,
        bytes,
      ),
  ],
  ['trailer', trailer, (bytes) => survives((raw) => decodeTrailer(raw, PACK_BYTES), encodeTrailer, bytes)],
];

test.each(decoders)('a damaged %s gives a typed error, or is the one encoding of what it says', (_, valid, decode) => {
  fc.assert(
    fc.property(valid, damages, (bytes, done) => decode(done.reduce(harm, bytes))),
    { numRuns: 400 },
  );
});

test.each(decoders)('random bytes are no %s, whatever its first byte says', (_, _valid, decode) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.boolean(), (bytes, versioned) => {
      if (versioned && bytes.length > 0) bytes[0] = 1;
      decode(bytes);
    }),
    { numRuns: 300 },
  );
});

test('a damaged zstd frame gives a typed error', () => {
  const plaintext = Buffer.alloc(20_000, 'some text that repeats ');
  const builder = fc.tuple(fc.nat(20_100), damages);
  fc.assert(
    fc.property(builder, ([said, done]) => {
      const frame = done.reduce<Uint8Array>(harm, zstdFrame);
      survives((raw) => decompress(raw, said), undefined, frame);
    }),
    { numRuns: 400, examples: [[[plaintext.length, []]]] },
  );
});

const dataKey = streamOf('data key', 32);
const chunkIdKey = streamOf('chunk-id key', 32);
const idOf = createChunkIdHasher(chunkIdKey);
const policy = { dataShards: 1, parityShards: 1 };
const region = new Uint8Array(packCapacityBytes(policy));
const pack = (() => {
  const builder = new PackBuilder({
    dataKey,
    kind: 'data',
    policy,
    region,
    randomness: { bytes: (n) => streamOf('id', n) },
  });
  for (const length of [5, 300, 1000]) builder.addChunk(idOf(streamOf('chunk', length)), streamOf('chunk', length));
  const text = Buffer.alloc(70_000, 'text and more text ');
  builder.addChunk(idOf(text), text);
  const closed = builder.finish();
  return { ...closed, bytes: region.slice(0, closed.packLengthBytes) };
})();
const zstdFrame = (() => {
  const { table } = pack;
  const entry = table.entry(0);
  return new PackSealer(packKey(dataKey, pack.packId)).open(
    'frame',
    0,
    pack.bytes.subarray(entry.offset, entry.offset + entry.sealedBytes),
  );
})();

function readAll(bytes: Uint8Array): PackTrailer {
  const reader = new PackReader({ dataKey, chunkIdKey, packId: pack.packId });
  const { trailer, table } = reader.readPack(bytes);
  for (const entry of table.entries()) reader.openChunkOf(bytes, entry);
  return trailer;
}

test('a damaged pack gives a typed error', () => {
  expect(readAll(pack.bytes).chunkCount).toBe(4);
  const whole = damages.filter((done) => done.every(({ kind }) => kind === 'flip' || kind === 'number'));
  fc.assert(
    fc.property(whole, (done) => survives(readAll, undefined, done.reduce(harm, pack.bytes))),
    { numRuns: 200 },
  );
});

test('a table and trailer sealed with the right key by a hostile writer still cannot lead out of the pack', () => {
  const sealer = new PackSealer(packKey(dataKey, pack.packId));
  const plainTrailer = sealer.open('trailer', 0, pack.bytes.subarray(pack.packLengthBytes - 64));
  fc.assert(
    fc.property(damages, damages, (onTable, onTrailer) => {
      const table = onTable.reduce(harm, pack.table.bytes);
      const trailer = onTrailer.filter(({ kind }) => kind === 'flip' || kind === 'number').reduce(harm, plainTrailer);
      const bytes = pack.bytes.slice();
      if (table.length + 80 > bytes.length) return;
      sealer.seal('table', 0, table, bytes, bytes.length - 80 - table.length);
      sealer.seal('trailer', 0, trailer, bytes, bytes.length - 64);
      survives(readAll, undefined, bytes);
    }),
    { numRuns: 400 },
  );
});
