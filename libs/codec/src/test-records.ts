/** Arbitrary records of the format, for property tests and fuzzing. */
import fc from 'fast-check';
import {
  compareNames,
  compareSnapshots,
  type FileMeta,
  type HeadContent,
  type IndexedPack,
  isEntryName,
  PACK_KINDS,
  type Snapshot,
  type SnapshotEntry,
  type StreamRef,
  type TreeEntry,
} from './index.ts';
import { PackTableBuilder } from './pack-table.ts';

const bytes = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const id = bytes(32, 32);
const shortHex = bytes(16, 16).map((raw) => Buffer.from(raw).toString('hex'));
const packId = id.map((raw) => Buffer.from(raw).toString('hex'));
const shortText = fc.string({ unit: 'grapheme', maxLength: 20 });
const size = fc.maxSafeNat();
const u32 = fc.nat(0xffff_ffff);

const streamRef: fc.Arbitrary<StreamRef> = fc.oneof(
  fc.constant({ sizeBytes: 0, depth: 0, ids: [] }),
  fc.record({
    sizeBytes: fc.integer({ min: 64, max: Number.MAX_SAFE_INTEGER }),
    depth: fc.nat(6),
    ids: fc.array(id, { minLength: 1, maxLength: 64, size: 'small' }),
  }),
);

const byName = <T extends { readonly name: Uint8Array }>(items: T[]): T[] =>
  items
    .toSorted((a, b) => compareNames(a.name, b.name))
    .filter((item, place, all) => place === 0 || compareNames(all[place - 1]!.name, item.name) !== 0);

const xattrs = fc
  .array(fc.record({ name: bytes(1, 40).map((raw) => raw.map((byte) => byte || 1)), value: bytes(0, 200) }), {
    minLength: 1,
    maxLength: 4,
  })
  .map(byName);

const common = {
  mode: fc.nat(0o7777),
  uid: u32,
  gid: u32,
  userName: shortText,
  groupName: shortText,
  mtimeNs: fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }),
};
const linkable = { ...common, hardLinkGroup: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), xattrs };
const optional = { noNullPrototype: true };
const device = fc.record({ major: u32, minor: u32 });
type Keys = keyof typeof common;
const always: (Keys | 'type')[] = ['type', 'mode', 'uid', 'gid', 'userName', 'groupName', 'mtimeNs'];

const fileMeta: fc.Arbitrary<FileMeta> = fc.oneof(
  fc.record(
    { type: fc.constant('file' as const), ...linkable, content: streamRef, sparse: fc.constant(true) },
    { ...optional, requiredKeys: [...always, 'content'] },
  ),
  fc.record(
    { type: fc.constant('directory' as const), ...common, xattrs, content: streamRef },
    { ...optional, requiredKeys: [...always, 'content'] },
  ),
  fc.record(
    {
      type: fc.constant('symlink' as const),
      ...linkable,
      target: bytes(1, 100).map((raw) => raw.map((byte) => byte || 1)),
    },
    { ...optional, requiredKeys: [...always, 'target'] },
  ),
  fc.record({ type: fc.constant('fifo' as const), ...linkable }, { ...optional, requiredKeys: always }),
  fc.record(
    { type: fc.constantFrom('character-device' as const, 'block-device' as const), ...linkable, device },
    { ...optional, requiredKeys: [...always, 'device'] },
  ),
);

const entryName = fc
  .oneof(bytes(1, 12), bytes(250, 255), fc.constant(Buffer.from('.hidden')))
  .map((raw) => new Uint8Array(raw))
  .filter(isEntryName);

export const treeEntries: fc.Arbitrary<TreeEntry[]> = fc
  .array(
    fc.tuple(entryName, fileMeta).map(([name, meta]) => Object.assign({}, meta, { name })),
    { maxLength: 12 },
  )
  .map(byName);

export const snapshot: fc.Arbitrary<Snapshot> = fc
  .record({
    snapshotId: shortHex,
    createdAtMs: size,
    hostName: shortText,
    userName: shortText,
    toolVersion: shortText,
    incomplete: fc.boolean(),
    statistics: fc.record({
      fileCount: size,
      directoryCount: size,
      sizeBytes: size,
      addedBytes: size,
      unreadableCount: size,
    }),
    roots: fc.array(fc.record({ path: entryName, meta: fileMeta }), { maxLength: 4 }),
  })
  .map((made) => ({
    ...made,
    incomplete: made.incomplete || made.statistics.unreadableCount > 0,
    roots: byName(made.roots.map((root) => ({ ...root, name: root.path }))).map(({ path, meta }) => ({ path, meta })),
  }));

const policy = fc
  .tuple(fc.integer({ min: 1, max: 20 }), fc.nat(19))
  .map(([dataShards, more]) => ({ dataShards, parityShards: Math.min(40 - dataShards, dataShards + more) }));

/** Frames of one to three chunks. */
const frames = fc.array(
  fc.record({
    chunks: fc.array(fc.record({ id, plaintextBytes: fc.integer({ min: 20, max: 1_000_000 }) }), {
      minLength: 1,
      maxLength: 3,
    }),
    compressed: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);

export const packTable = frames.map((made) => {
  const table = new PackTableBuilder();
  for (const { chunks, compressed } of made) {
    const plaintextBytes = chunks.reduce((sum, chunk) => sum + chunk.plaintextBytes, 0);
    const [first, ...others] = chunks;
    table.addFrame(first!.id, first!.plaintextBytes, plaintextBytes + (compressed ? 15 : 16), compressed);
    for (const chunk of others) table.join(chunk.id, chunk.plaintextBytes);
  }
  return table.finish();
});

export const indexedPacks: fc.Arbitrary<IndexedPack[]> = fc.array(
  fc.record({
    packId,
    kind: fc.constantFrom(...PACK_KINDS),
    policy,
    shardLengthBytes: fc.constantFrom(512, 768, 1024).map((groups) => groups * 65_536),
    table: packTable,
  }),
  { minLength: 1, maxLength: 5 },
);

const snapshotEntry: fc.Arbitrary<SnapshotEntry> = fc.record({
  snapshotId: shortHex,
  createdAtMs: fc.oneof(fc.nat(3), size),
  recordId: id,
});

export const snapshotList: fc.Arbitrary<SnapshotEntry[]> = fc
  .array(snapshotEntry, { maxLength: 20 })
  .map((entries) =>
    entries
      .toSorted(compareSnapshots)
      .filter((entry, place, all) => place === 0 || compareSnapshots(all[place - 1]!, entry) < 0),
  );

export const headContent: fc.Arbitrary<HeadContent> = fc.record(
  {
    machineId: shortHex,
    hostName: shortText,
    indexPacks: fc.uniqueArray(packId, { maxLength: 30 }),
    snapshots: snapshotList,
    olderSnapshots: streamRef,
  },
  { requiredKeys: ['machineId', 'hostName', 'indexPacks', 'snapshots'], noNullPrototype: true },
);
