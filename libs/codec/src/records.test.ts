import { expect, test } from '@jest/globals';
import { equalBytes, toHex } from '@holdfast/protocol';
import fc from 'fast-check';
import { decodeHeadContent, encodeHeadContent } from './head.ts';
import {
  decodeIndexChunk,
  decodeSnapshot,
  decodeSnapshotList,
  decodeTree,
  encodeSnapshot,
  encodeSnapshotList,
  encodeTree,
  IndexEncoder,
  type IndexedPack,
  openHead,
  readTree,
  sealHead,
  TreeDecoder,
  TreeEncoder,
} from './index.ts';
import { PackTableBuilder } from './pack-table.ts';
import { streamOf } from './test-bytes.ts';
import { headContent, indexedPacks, snapshot, snapshotList, treeEntries } from './test-records.ts';

const refused = (code: string) => expect.objectContaining({ code });
const badArgument = refused('codec.bad-argument');
/** Byte strings compare as hex, whether they are views or Buffers (which JSON would ask for their own form). */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, function replace(this: Record<string, unknown>, key, field: unknown) {
      const own = this[key];
      return own instanceof Uint8Array ? `bytes:${toHex(own)}` : typeof own === 'bigint' ? `bigint:${own}` : field;
    }),
  );

test('a tree comes back as it was, in whatever pieces it arrives', async () => {
  await fc.assert(
    fc.asyncProperty(treeEntries, fc.integer({ min: 1, max: 97 }), async (entries, step) => {
      const bytes = encodeTree(entries);
      expect(plain(decodeTree(bytes))).toEqual(plain(entries));
      async function* pieces() {
        for (let at = 0; at < bytes.length; at += step) yield bytes.slice(at, at + step);
      }
      const found = [];
      for await (const entry of readTree(pieces())) found.push(entry);
      expect(plain(found)).toEqual(plain(entries));
      expect(equalBytes(encodeTree(found), bytes)).toBe(true);
    }),
    { numRuns: 100 },
  );
});

test('an encoder hands its bytes out in pieces that join to the same tree', () => {
  fc.assert(
    fc.property(treeEntries, (entries) => {
      const encoder = new TreeEncoder();
      const pieces = entries.map((entry) => {
        encoder.add(entry);
        return encoder.pendingBytes > 300 ? encoder.take() : new Uint8Array(0);
      });
      expect(equalBytes(Buffer.concat([...pieces, encoder.take()]), encodeTree(entries))).toBe(true);
    }),
  );
});

test('a directory of 100,000 entries goes through without being held whole', () => {
  const encoder = new TreeEncoder();
  const decoder = new TreeDecoder();
  let seen = 0;
  for (let place = 0; place < 100_000; place += 1) {
    const name = Buffer.from(`file ${String(place).padStart(6, '0')}`);
    const meta = { mode: 0o644, uid: 1000, gid: 1000, userName: 'ann', groupName: 'ann', mtimeNs: BigInt(place) };
    encoder.add({ type: 'fifo', name, ...meta });
    if (encoder.pendingBytes > 100_000) seen += decoder.push(encoder.take()).length;
  }
  seen += decoder.push(encoder.take()).length;
  decoder.end();
  expect(seen).toBe(100_000);
});

test('decoded entries do not point into the bytes they came from', () => {
  const bytes = encodeTree([{ ...fifo, name: Buffer.from('name') }]);
  const [entry] = decodeTree(bytes);
  bytes.fill(0);
  expect(Buffer.from(entry!.name).toString()).toBe('name');
});

const fifo = { type: 'fifo', mode: 0o600, uid: 0, gid: 0, userName: '', groupName: '', mtimeNs: 0n } as const;
const named = (name: string) => ({ ...fifo, name: Buffer.from(name, 'latin1') });

test.each([
  ['names out of order', [named('b'), named('a')]],
  ['a name twice', [named('a'), named('a')]],
  ['an empty name', [named('')]],
  ['the directory itself', [named('.')]],
  ['its parent', [named('..')]],
  ['a path', [named('a/b')]],
  ['NUL in a name', [named('a\0')]],
  ['a name that is too long', [named('x'.repeat(4097))]],
  ['a mode with a file type in it', [{ ...named('a'), mode: 0o100644 }]],
  ['a negative user id', [{ ...named('a'), uid: -1 }]],
  ['a time beyond 64 bits', [{ ...named('a'), mtimeNs: 1n << 63n }]],
  ['a file without content', [{ ...named('a'), type: 'file' as const }]],
  ['a fifo with a target', [{ ...named('a'), target: Buffer.from('b') }]],
  ['a lone surrogate in a user name', [{ ...named('a'), userName: '\ud800' }]],
  ['a user name of 256 bytes', [{ ...named('a'), userName: 'x'.repeat(256) }]],
  ['hard-link group 0', [{ ...named('a'), hardLinkGroup: 0 }]],
  ['no extended attributes, said at length', [{ ...named('a'), xattrs: [] }]],
  ['an unknown type', [{ ...named('a'), type: 'socket' as 'fifo' }]],
])('an encoder refuses %s', (_, entries) => {
  expect(() => encodeTree(entries)).toThrow(badArgument);
});

test('a snapshot comes back as it was', () => {
  fc.assert(
    fc.property(snapshot, (made) => {
      const bytes = encodeSnapshot(made);
      expect(plain(decodeSnapshot(bytes))).toEqual(plain(made));
      expect(equalBytes(encodeSnapshot(decodeSnapshot(bytes)), bytes)).toBe(true);
    }),
  );
});

test('an index comes back as it was, cut into chunks that stand alone', () => {
  fc.assert(
    fc.property(indexedPacks, (packs) => {
      const encoder = new IndexEncoder();
      const chunks = [...packs.map((pack) => encoder.add(pack)), encoder.finish()].filter(
        (chunk) => chunk !== undefined,
      );
      expect(encoder.finish()).toBeUndefined();
      const found = chunks.flatMap(decodeIndexChunk);
      const flat = ({ table, ...pack }: IndexedPack) => ({ ...pack, table: toHex(table.bytes) });
      expect(found.map(flat)).toEqual(packs.map(flat));
    }),
  );
});

test('a long index is cut into chunks of at most 1 MiB', () => {
  const builder = new PackTableBuilder();
  for (let chunk = 0; chunk < 16_384; chunk += 1) builder.addFrame(streamOf(`${chunk % 7}`, 32), 100, 116, false);
  const table = builder.finish();
  const encoder = new IndexEncoder();
  const policy = { dataShards: 4, parityShards: 4 };
  const chunks = ['aa', 'bb', 'cc'].map((byte) =>
    encoder.add({ packId: byte.repeat(32), kind: 'data', policy, shardLengthBytes: 8 << 20, table }),
  );
  expect(chunks.map((chunk) => chunk !== undefined)).toEqual([false, true, true]);
  expect(chunks[1]!.length).toBeLessThanOrEqual(1 << 20);
  expect(decodeIndexChunk(encoder.finish()!)[0]!.packId).toBe('cc'.repeat(32));
});

const dataKey = streamOf('data key', 32);
const place = { vaultId: '0123456789abcdef0123456789abcdef', sequence: 7 };
const randomness = { bytes: (count: number) => streamOf('nonce', count) };

test('a head opens only with its key, in its vault, under its number, unharmed', () => {
  fc.assert(
    fc.property(headContent, fc.nat(), (content, bit) => {
      const sealed = sealHead(dataKey, place, content, randomness);
      expect(sealed.length % 1024).toBe(0);
      expect(plain(openHead(dataKey, place, sealed))).toEqual(plain(content));
      const wrongKey = refused('codec.wrong-key');
      expect(() => openHead(streamOf('other', 32), place, sealed)).toThrow(wrongKey);
      expect(() => openHead(dataKey, { ...place, sequence: 8 }, sealed)).toThrow(wrongKey);
      expect(() => openHead(dataKey, { ...place, vaultId: '00'.repeat(16) }, sealed)).toThrow(wrongKey);
      const harmed = sealed.slice();
      harmed[1 + (bit % (sealed.length - 1))]! ^= 1 << (bit % 8);
      expect(() => openHead(dataKey, place, harmed)).toThrow(wrongKey);
    }),
  );
});

test('the fullest head fits its message', () => {
  const content = {
    machineId: 'ab'.repeat(16),
    hostName: 'h'.repeat(255),
    indexPacks: Array.from({ length: 512 }, (_, index) => toHex(streamOf(`pack ${index}`, 32))),
    snapshots: Array.from({ length: 512 }, (_, index) => ({
      snapshotId: toHex(streamOf(`snapshot ${index}`, 16)),
      createdAtMs: index,
      recordId: streamOf(`record ${index}`, 32),
    })),
    olderSnapshots: { sizeBytes: 9e9, depth: 1, ids: Array.from({ length: 64 }, () => streamOf('list', 32)) },
  };
  const sealed = sealHead(dataKey, place, content, randomness);
  expect(sealed.length).toBeLessThanOrEqual(65_536);
  expect(openHead(dataKey, place, sealed).indexPacks).toEqual(content.indexPacks);
  const more = { ...content, indexPacks: [...content.indexPacks, '00'.repeat(32)] };
  expect(() => sealHead(dataKey, place, more, randomness)).toThrow(badArgument);
  expect(() => sealHead(dataKey, place, { ...content, snapshots: content.snapshots.toReversed() }, randomness)).toThrow(
    badArgument,
  );
});

test('a head has one encoding', () => {
  fc.assert(
    fc.property(headContent, (content) => {
      const bytes = encodeHeadContent(content);
      expect(equalBytes(encodeHeadContent(decodeHeadContent(bytes)), bytes)).toBe(true);
    }),
  );
});

test('a list of snapshots comes back as it was', () => {
  fc.assert(
    fc.property(snapshotList, (entries) => {
      expect(plain(decodeSnapshotList(encodeSnapshotList(entries)))).toEqual(plain(entries));
    }),
  );
});
