/**
 * Wrote keys.json, packs.json, records.json and streams.json, once: they are the format from then on, and a test compares
 * the code with them. Run by hand for a new version of the format only:
 * node -C @holdfast/source test/vectors/make-format-vectors.ts
 */
import { createCipheriv, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import * as codec from '@holdfast/codec';
import { toHex } from '@holdfast/protocol';

const about =
  'Bytes of a label: AES-256-CTR key stream, key SHA-256(label), zero IV. Strings that begin with "bytes:" are hex, with "bigint:" decimal numbers.';

function streamOf(label: string, lengthBytes: number): Uint8Array {
  const key = createHash('sha256').update(label).digest();
  return new Uint8Array(createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes)));
}
const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function marked(value: unknown): unknown {
  if (value instanceof Uint8Array) return `bytes:${toHex(value)}`;
  if (typeof value === 'bigint') return `bigint:${value}`;
  if (Array.isArray(value)) return value.map(marked);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, marked(field)]));
}

function write(name: string, contents: object): void {
  // 'wx': golden vectors are never replaced by accident
  const text = JSON.stringify(marked({ about, ...contents }), null, 1);
  writeFileSync(new URL(name, import.meta.url), `${text}\n`, { flag: 'wx' });
}

const KEY_LABELS = { dataKey: 'data', chunkIdKey: 'chunk-id', maskKey: 'mask', gearKey: 'gear' } as const;
const keyOf = (name: keyof typeof KEY_LABELS): Uint8Array => streamOf(`holdfast vector ${KEY_LABELS[name]} key`, 32);
const keys = { dataKey: keyOf('dataKey'), chunkIdKey: keyOf('chunkIdKey'), maskKey: keyOf('maskKey'), gearKey: keyOf('gearKey') };
const packId = toHex(streamOf('holdfast vector pack id', 32));
const vaultId = toHex(streamOf('holdfast vector vault id', 16));
const idOf = codec.createChunkIdHasher(keys.chunkIdKey);

function writeKeys(): void {
  const gear = codec.gearTable(keys.gearKey);
  const maskKey = codec.packMaskKey(keys.maskKey, packId);
  const plaintexts = [1, 63, 64, 65, 1023, 1024, 1025, 65_536, 300_000];
  write('keys.json', {
    keys,
    packId,
    vaultId,
    packKey: codec.packKey(keys.dataKey, packId),
    paddingKey: codec.paddingKey(keys.dataKey, packId),
    packMaskKey: maskKey,
    shardMaskKeys: [0, 1, 39].map((shardIndex) => ({ shardIndex, key: codec.shardMaskKey(maskKey, shardIndex) })),
    headKeys: [1, 2 ** 40 + 3].map((sequence) => ({ sequence, key: codec.headKey(keys.dataKey, vaultId, sequence) })),
    gearTable: {
      first: [...gear.subarray(0, 4)],
      sha256OfLittleEndian: sha256(new Uint8Array(gear.buffer)),
    },
    chunkIds: plaintexts.map((lengthBytes) => {
      const label = 'holdfast vector plaintext';
      return { label, lengthBytes, id: idOf(streamOf(label, lengthBytes)) };
    }),
    masked: [0, 7].map((shardIndex) => {
      const shard = new Uint8Array(65_536);
      codec.maskShard(maskKey, shardIndex, shard);
      return { shardIndex, about: '64 KiB of zeros, masked', first: shard.subarray(0, 32), sha256: sha256(shard) };
    }),
  });
}

// ---- packs ----

interface Part {
  /** Its bytes are the key stream of the label, or a text repeated. */
  readonly label?: string;
  readonly text?: string;
  readonly lengthBytes: number;
}
const plaintextOf = ({ label, text, lengthBytes }: Part): Uint8Array =>
  text === undefined ? streamOf(label!, lengthBytes) : new Uint8Array(Buffer.alloc(lengthBytes, text));

const random = (lengthBytes: number): Part => ({ label: `holdfast vector chunk ${lengthBytes}`, lengthBytes });
const prose = (lengthBytes: number): Part => ({ text: 'It was the best of disks, it was the worst of disks. ', lengthBytes });

function buildPack(kind: codec.PackKind, policy: codec.PackPolicy, parts: readonly Part[], compressionLevel: number) {
  const region = new Uint8Array(codec.packCapacityBytes(policy));
  const randomness = { bytes: () => Buffer.from(packId, 'hex') };
  const builder = new codec.PackBuilder({ dataKey: keys.dataKey, kind, policy, region, randomness, compressionLevel });
  for (const part of parts) {
    const plaintext = plaintextOf(part);
    builder.addChunk(idOf(plaintext), plaintext);
  }
  const closed = builder.finish();
  return { closed, bytes: region.slice(0, closed.packLengthBytes) };
}

function validPack(name: string, kind: codec.PackKind, dataShards: number, parityShards: number, parts: Part[], level: number) {
  const { closed, bytes } = buildPack(kind, { dataShards, parityShards }, parts, level);
  const { table, shardLengthBytes, packLengthBytes } = closed;
  const tailBytes = codec.tailBytesOf(table.chunkCount);
  return {
    name,
    kind,
    dataShards,
    parityShards,
    parts,
    // zstd's output differs between versions, so only uncompressed packs can be made again
    reproducible: level === 0,
    shardLengthBytes,
    table: table.bytes,
    framesSha256: sha256(bytes.subarray(0, table.framesBytes)),
    frames: level === 0 ? null : bytes.slice(0, table.framesBytes),
    tail: bytes.slice(packLengthBytes - tailBytes),
    packSha256: sha256(bytes),
  };
}

const GCM_NONCE = { frame: 0, table: 1, trailer: 2 } as const;
function seal(domain: keyof typeof GCM_NONCE, counter: number, plaintext: Uint8Array): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(GCM_NONCE[domain], 0);
  nonce.writeUInt32BE(counter, 8);
  const cipher = createCipheriv('aes-256-gcm', codec.packKey(keys.dataKey, packId), nonce);
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

const entryBytes = (id: Uint8Array, plaintextBytes: number, sealedBytes: number, flags: number): Uint8Array => {
  const bytes = Buffer.alloc(41);
  bytes.set(id);
  bytes.writeUInt32BE(plaintextBytes, 32);
  bytes.writeUInt32BE(sealedBytes, 36);
  bytes[40] = flags;
  return bytes;
};

interface TrailerParts {
  version?: number;
  kind?: number;
  k?: number;
  m?: number;
  shard?: number;
  chunks?: number;
  frames?: number;
  framesBytes?: number;
  reserved?: number;
}
function trailerBytes(parts: TrailerParts): Uint8Array {
  const bytes = Buffer.alloc(48);
  bytes.set([parts.version ?? 1, parts.kind ?? 1, parts.k ?? 1, parts.m ?? 1]);
  bytes.writeUInt32BE(parts.shard ?? 65_536, 4);
  bytes.writeUInt32BE(parts.chunks ?? 2, 8);
  bytes.writeUInt32BE(parts.frames ?? 1, 12);
  bytes.writeBigUInt64BE(BigInt(parts.framesBytes ?? 66), 16);
  bytes[47] = parts.reserved ?? 0;
  return bytes;
}

/** Two chunks of 20 and 30 bytes that share one frame, in a pack of 1+1. */
const small = [streamOf('holdfast vector small 1', 20), streamOf('holdfast vector small 2', 30)];
const smallIds = small.map(idOf);
const goodFrame = Buffer.concat(small);
const goodTable = [entryBytes(smallIds[0]!, 20, 66, 0), entryBytes(smallIds[1]!, 30, 0, 2)];

function invalidPack(name: string, reason: string, code: string, change: {
  frame?: Uint8Array;
  table?: readonly Uint8Array[];
  trailer?: TrailerParts;
  frameNumber?: number;
  flip?: 'frame' | 'table' | 'trailer';
}) {
  const frames = Buffer.from(seal('frame', change.frameNumber ?? 0, change.frame ?? goodFrame));
  const table = Buffer.from(seal('table', 0, Buffer.concat(change.table ?? goodTable)));
  const trailer = Buffer.from(seal('trailer', 0, trailerBytes(change.trailer ?? {})));
  if (change.flip !== undefined) ({ frame: frames, table, trailer })[change.flip][3]! ^= 16;
  return { name, reason, code, frames, tail: Buffer.concat([table, trailer]) };
}

function zstdFrame(windowLog: number, content: Uint8Array): Uint8Array {
  const header = [0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, ((content.length << 3) | 1) & 255, content.length >> 5, 0];
  return Buffer.concat([Uint8Array.from(header), content]);
}
const longPlaintext = new Uint8Array(Buffer.alloc(200, 'z'));
const compressedTable = (sealedBytes: number, plaintextBytes = 200): Uint8Array[] => [
  entryBytes(idOf(longPlaintext), plaintextBytes, sealedBytes, 1),
];
/** A zstd frame of one block that repeats a byte (RLE). */
const rleFrame = (windowLog: number, count: number): Uint8Array =>
  Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0, (windowLog - 10) << 3, ((count << 3) | 3) & 255, count >> 5, 0, 0x7a]);

function invalidPacks(): object[] {
  const damaged = 'codec.damaged';
  const one = { chunks: 1, frames: 1 };
  const [first, second] = goodTable as [Uint8Array, Uint8Array];
  const id = smallIds[0]!;
  return [
    invalidPack('flipped bit in a frame', 'the tag of the frame does not match', damaged, { flip: 'frame' }),
    invalidPack('flipped bit in the table', 'the tag of the table does not match', damaged, { flip: 'table' }),
    invalidPack('flipped bit in the trailer', 'the tag of the trailer does not match', damaged, { flip: 'trailer' }),
    invalidPack('moved frame', 'sealed as frame 1 but lying in the place of frame 0', damaged, { frameNumber: 1 }),
    invalidPack('version 2', 'a version that is not known', 'codec.unsupported-version', { trailer: { version: 2 } }),
    invalidPack('kind 0', 'kinds begin at 1', damaged, { trailer: { kind: 0 } }),
    invalidPack('kind 4', 'an unknown kind', damaged, { trailer: { kind: 4 } }),
    invalidPack('no data shards', 'k is 0', damaged, { trailer: { k: 0, m: 1 } }),
    invalidPack('21 data shards', 'k is above 20', damaged, { trailer: { k: 21, m: 21 } }),
    invalidPack('too little redundancy', 'm is below k', damaged, { trailer: { k: 2, m: 1 } }),
    invalidPack('ragged shard length', 'no multiple of 65,536', damaged, { trailer: { shard: 65_535 } }),
    invalidPack('another pack length', 'k × shard length is not the length of the pack', damaged, { trailer: { shard: 131_072 } }),
    invalidPack('no chunks', 'a pack has at least one chunk', damaged, { trailer: { chunks: 0, frames: 0 }, table: [] }),
    invalidPack('too many chunks', '16,385 chunks', damaged, { trailer: { chunks: 16_385 } }),
    invalidPack('more frames than chunks', '3 frames for 2 chunks', damaged, { trailer: { frames: 3 } }),
    invalidPack('reserved byte', 'reserved bytes are zero', damaged, { trailer: { reserved: 1 } }),
    invalidPack('overlapping table', 'frames and tail are longer than the pack', damaged, { trailer: { framesBytes: 65_400 } }),
    invalidPack('frame bytes differ', 'trailer and table disagree about the bytes of the frames', damaged, { trailer: { framesBytes: 65 } }),
    invalidPack('frame count differs', 'trailer and table disagree about the number of frames', damaged, { trailer: { frames: 2 } }),
    invalidPack('empty chunk', 'a plaintext of 0 bytes', damaged, { table: [entryBytes(id, 0, 16, 0), second] }),
    invalidPack('huge chunk', 'a plaintext above 4 MiB', damaged, { table: [entryBytes(id, 4_194_305, 4_194_321, 0), second] }),
    invalidPack('huge frame', 'joined plaintexts above 4 MiB', damaged, {
      table: [entryBytes(id, 4_194_304, 66, 1), second],
    }),
    invalidPack('unknown flag', 'flags 4', damaged, { table: [entryBytes(id, 20, 66, 4), second] }),
    invalidPack('both flags', 'a joined chunk has no compression of its own', damaged, { table: [first, entryBytes(smallIds[1]!, 30, 0, 3)] }),
    invalidPack('joins nothing', 'the first chunk cannot join a frame', damaged, { table: [entryBytes(id, 20, 0, 2), second] }),
    invalidPack('joined with a length', 'the sealed length of a joined chunk is 0', damaged, { table: [first, entryBytes(smallIds[1]!, 30, 46, 2)] }),
    invalidPack('wrong sealed length', 'an uncompressed frame is its plaintext and 16 bytes long', damaged, { table: [entryBytes(id, 20, 67, 0), second] }),
    invalidPack('compression that saves nothing', 'a compressed frame is shorter than its plaintext', damaged, { table: [entryBytes(id, 20, 66, 1), second] }),
    invalidPack('wrong id', 'the plaintext is not the chunk that the table names', damaged, { table: [entryBytes(smallIds[1]!, 20, 66, 0), second] }),
    invalidPack('no zstd frame', 'marked as compressed but is not', damaged, {
      frame: longPlaintext.subarray(0, 100), table: compressedTable(116), trailer: { ...one, framesBytes: 116 },
    }),
    invalidPack('more than said', 'the zstd frame holds 201 bytes, the table says 200', damaged, {
      frame: rleFrame(20, 201), table: compressedTable(26), trailer: { ...one, framesBytes: 26 },
    }),
    invalidPack('less than said', 'the zstd frame holds 199 bytes, the table says 200', damaged, {
      frame: rleFrame(20, 199), table: compressedTable(26), trailer: { ...one, framesBytes: 26 },
    }),
    invalidPack('wide window', 'the zstd frame asks for a window of 8 MiB', damaged, {
      frame: rleFrame(23, 200), table: compressedTable(26), trailer: { ...one, framesBytes: 26 },
    }),
    invalidPack('truncated zstd frame', 'the zstd frame ends in its block', damaged, {
      frame: zstdFrame(20, Buffer.alloc(150)).subarray(0, 100), table: compressedTable(116), trailer: { ...one, framesBytes: 116 },
    }),
  ];
}

function writePacks(): void {
  const mixed = [random(70_000), random(100), prose(200), random(65_536), random(65_537), prose(1)];
  const valid = [
    validPack('one byte', 'data', 1, 1, [random(1)], 0),
    validPack('joined and single frames', 'data', 4, 4, mixed, 0),
    validPack('a tree pack', 'tree', 2, 5, [prose(5000), random(300)], 0),
    validPack('an index pack', 'index', 20, 20, [random(1_500_000)], 0),
    validPack('compressed', 'data', 4, 4, [prose(100_000), random(2000), prose(3000), random(5000), prose(70)], 1),
  ];
  const smallPack = { frames: seal('frame', 0, goodFrame), tail: Buffer.concat([seal('table', 0, Buffer.concat(goodTable)), seal('trailer', 0, trailerBytes({}))]) };
  const window = { frame: rleFrame(22, 200), table: compressedTable(26), trailer: { chunks: 1, framesBytes: 26 } };
  const widest = invalidPack('widest window', '', '', window);
  write('packs.json', {
    keys,
    packId,
    valid,
    readable: [
      { name: 'what the invalid ones differ from', ...smallPack, chunks: small },
      { name: 'the widest window that is allowed', frames: widest.frames, tail: widest.tail, chunks: [longPlaintext] },
    ],
    invalid: invalidPacks(),
  });
}

// ---- records ----

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
const id = (label: string): Uint8Array => streamOf(`holdfast vector id ${label}`, 32);
const owner = { uid: 1000, gid: 100, userName: 'zoë', groupName: 'users' };
const root = { uid: 0, gid: 0, userName: 'root', groupName: 'root' };
const entries: codec.TreeEntry[] = [
  { name: bytes(' space'), type: 'file', mode: 0o644, ...owner, mtimeNs: 1_700_000_000_123_456_789n, content: { sizeBytes: 300, depth: 0, ids: [id('a')] } },
  { name: bytes('big'), type: 'file', mode: 0o4755, ...root, mtimeNs: -1n, sparse: true, content: { sizeBytes: 2 ** 41 + 5, depth: 2, ids: [id('b'), id('c')] } },
  { name: bytes('console'), type: 'character-device', mode: 0o620, ...root, mtimeNs: 0n, device: { major: 5, minor: 1 } },
  { name: bytes('disk'), type: 'block-device', mode: 0o660, ...root, mtimeNs: 0n, device: { major: 4_294_967_295, minor: 0 } },
  { name: bytes('empty'), type: 'file', mode: 0, ...owner, mtimeNs: 0n, content: codec.EMPTY_STREAM },
  { name: bytes('hard link'), type: 'file', mode: 0o600, ...owner, mtimeNs: 5n, hardLinkGroup: 9_007_199_254_740_991, content: { sizeBytes: 64, depth: 0, ids: [id('d')] } },
  { name: bytes('link'), type: 'symlink', mode: 0o777, ...owner, mtimeNs: 5n, target: bytes('../\xff/nowhere') },
  { name: bytes('pipe\n'), type: 'fifo', mode: 0o600, uid: 4_294_967_295, gid: 4_294_967_295, userName: '', groupName: '', mtimeNs: -(1n << 63n) },
  { name: bytes('sub'), type: 'directory', mode: 0o1777, ...owner, mtimeNs: (1n << 63n) - 1n, content: { sizeBytes: 1, depth: 0, ids: [id('e')] } },
  { name: bytes('with xattrs'), type: 'file', mode: 0o644, ...owner, mtimeNs: 0n, content: codec.EMPTY_STREAM, xattrs: [{ name: bytes('user.a'), value: bytes('') }, { name: bytes('user.b'), value: bytes('\x00\xff') }] },
  { name: bytes('\xff\xfe'), type: 'file', mode: 0o644, ...owner, mtimeNs: 0n, content: codec.EMPTY_STREAM },
];
const snapshot: codec.Snapshot = {
  snapshotId: toHex(streamOf('holdfast vector snapshot', 16)),
  createdAtMs: 1_800_000_000_000,
  hostName: 'laptop',
  userName: 'zoë',
  toolVersion: '0.1.0',
  incomplete: true,
  statistics: { fileCount: 3, directoryCount: 2, sizeBytes: 2 ** 50, addedBytes: 7, unreadableCount: 1 },
  roots: [
    { path: bytes('/etc/hosts'), meta: { type: 'file', mode: 0o644, ...root, mtimeNs: 1n, content: { sizeBytes: 9, depth: 0, ids: [id('f')] } } },
    { path: bytes('/home/zo\xeb'), meta: { type: 'directory', mode: 0o755, ...owner, mtimeNs: 2n, content: { sizeBytes: 99, depth: 0, ids: [id('g')] } } },
  ],
};
const snapshotEntries: codec.SnapshotEntry[] = [1, 2, 2].map((time, place) => ({
  snapshotId: toHex(Buffer.alloc(16, place)),
  createdAtMs: time,
  recordId: id(`record ${place}`),
}));
const head: codec.HeadContent = {
  machineId: toHex(streamOf('holdfast vector machine', 16)),
  hostName: 'laptop',
  indexPacks: [toHex(id('index 1')), toHex(id('index 2'))],
  snapshots: snapshotEntries,
  olderSnapshots: { sizeBytes: 56, depth: 0, ids: [id('older')] },
};
const emptyHead: codec.HeadContent = { machineId: '00'.repeat(16), hostName: '', indexPacks: [], snapshots: [] };
const place = { vaultId, sequence: 42 };
const nonce = streamOf('holdfast vector nonce', 12);
const nonces = { bytes: () => nonce };

function sealHeadBytes(plaintext: Uint8Array, version = 1): Uint8Array {
  const cipher = createCipheriv('aes-256-gcm', codec.headKey(keys.dataKey, vaultId, place.sequence), nonce);
  const first = Uint8Array.of(version);
  cipher.setAAD(first);
  return Buffer.concat([first, nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
}

const index: codec.IndexedPack[] = [
  { packId, kind: 'data', policy: { dataShards: 4, parityShards: 4 }, shardLengthBytes: 65_536, table: buildPack('data', { dataShards: 4, parityShards: 4 }, [random(70_000), random(100), random(200)], 0).closed.table },
  { packId: toHex(id('pack')), kind: 'tree', policy: { dataShards: 10, parityShards: 12 }, shardLengthBytes: 98_304 * 2, table: buildPack('tree', { dataShards: 1, parityShards: 1 }, [random(5)], 0).closed.table },
];
function indexBytes(): Uint8Array {
  const encoder = new codec.IndexEncoder();
  for (const pack of index) encoder.add(pack);
  return encoder.finish()!;
}

/** A copy with other bytes in one place. */
function patched(original: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = Buffer.from(original);
  copy.set(values, at < 0 ? copy.length + at : at);
  return copy;
}

const treeOf = (...made: codec.TreeEntry[]): Uint8Array => codec.encodeTree(made);
const plain = (name: string, more: object = {}): codec.TreeEntry =>
  ({ name: bytes(name), type: 'fifo', mode: 0o600, uid: 0, gid: 0, userName: '', groupName: '', mtimeNs: 0n, ...more });
/** Where the fields of a lone entry with a name of one byte lie: version 1, length 4, name 2 + 1, then the metadata. */
const META_AT = 8;

function invalidTrees(): object[] {
  const damaged = 'codec.damaged';
  const tree = (name: string, reason: string, raw: Uint8Array, code = damaged) => ({ record: 'tree', name, reason, code, bytes: raw });
  const pipe = treeOf(plain('a'));
  const two = treeOf(plain('a'), plain('b'));
  const file = treeOf(plain('a', { type: 'file', content: { sizeBytes: 70, depth: 1, ids: [id('x')] } }));
  const contentAt = META_AT + 2 + 2 + 8 + 8 + 2;
  const link = treeOf(plain('a', { type: 'symlink', target: bytes('b') }));
  const linked = treeOf(plain('a', { hardLinkGroup: 1 }));
  const second = (two.length - 1) / 2 + 1;
  const xattrs = [{ name: bytes('a'), value: bytes('') }, { name: bytes('b'), value: bytes('') }];
  const attributed = treeOf(plain('a', { xattrs }));
  return [
    tree('no bytes', 'not even a version', new Uint8Array(0)),
    tree('version 2', 'a version that is not known', patched(pipe, 0, 2), 'codec.unsupported-version'),
    tree('truncated', 'it ends in an entry', pipe.subarray(0, pipe.length - 1)),
    tree('truncated length', 'it ends in the length of an entry', pipe.subarray(0, 3)),
    tree('left over', 'a byte behind the last entry', Buffer.concat([pipe, Uint8Array.of(0)])),
    tree('entry too long', 'an entry of more than 1 MiB is refused before it is read', patched(pipe, 1, 0, 16, 0, 1)),
    tree('bytes left in an entry', 'an entry is longer than its fields', Buffer.concat([patched(pipe, 4, pipe[4]! + 1), Uint8Array.of(0)])),
    tree('out of order', 'names descend', patched(two, 7, 'c'.charCodeAt(0))),
    tree('twice', 'one name twice', patched(two, second + 6, 'a'.charCodeAt(0))),
    tree('empty name', 'a name of no bytes', Buffer.concat([patched(pipe, 4, pipe[4]! - 1).subarray(0, 5), Uint8Array.of(0, 0), pipe.subarray(8)])),
    tree('dot', 'the name "."', patched(pipe, 7, '.'.charCodeAt(0))),
    tree('dot dot', 'the name ".."', patched(treeOf(plain('aa')), 7, 0x2e, 0x2e)),
    tree('slash', 'a name with a slash would lead elsewhere', patched(pipe, 7, '/'.charCodeAt(0))),
    tree('NUL', 'a name with a NUL', patched(pipe, 7, 0)),
    tree('type 0', 'types begin at 1', patched(pipe, META_AT, 0)),
    tree('type 7', 'an unknown type', patched(pipe, META_AT, 7)),
    tree('unknown flag', 'flag 8', patched(pipe, META_AT + 1, 8)),
    tree('sparse fifo', 'only files are sparse', patched(pipe, META_AT + 1, 1)),
    tree('mode', 'bits beyond the permissions', patched(pipe, META_AT + 2, 0x10)),
    tree('directory with a hard link', 'directories have one name', patched(treeOf(plain('a', { type: 'file', hardLinkGroup: 1, content: codec.EMPTY_STREAM })), META_AT, 2)),
    tree('hard-link group 0', 'groups begin at 1', patched(linked, -1, 0)),
    tree('hard-link group 2^53', 'above what fits a double', patched(linked, -7, 0x20, 0, 0, 0, 0, 0, 0)),
    tree('user name is no UTF-8', 'a lone continuation byte', patched(treeOf(plain('a', { userName: 'z' })), META_AT + 21, 0x80)),
    tree('depth 7', 'a stream deeper than 6', patched(file, contentAt + 8, 7)),
    tree('65 ids', 'a reference with more than 64 ids', patched(file, contentAt + 9, 65)),
    tree('ids but no bytes', 'an empty stream has no chunks', patched(file, contentAt + 7, 0)),
    tree('bytes but no ids', '70 bytes in no chunks', Buffer.concat([patched(file, 4, file[4]! - 32).subarray(0, contentAt), Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 70, 0, 0)])),
    tree('target with a NUL', 'no link can lead there', patched(link, -1, 0)),
    tree('xattrs out of order', 'names of attributes descend', patched(attributed, -5, 'A'.charCodeAt(0))),
    tree('no xattrs', 'the flag is set but there are none', Buffer.concat([patched(patched(pipe, 4, pipe[4]! + 2), META_AT + 1, 4), Uint8Array.of(0, 0)])),
  ];
}

function invalidOthers(): object[] {
  const damaged = 'codec.damaged';
  const unsupported = 'codec.unsupported-version';
  const record = (kind: string, name: string, reason: string, raw: Uint8Array, code = damaged) => ({ record: kind, name, reason, code, bytes: raw });
  const snap = codec.encodeSnapshot(snapshot);
  const flagAt = 1 + 16 + 8 + 7 + 5 + 6;
  const list = codec.encodeSnapshotList(snapshotEntries);
  const raw = indexBytes();
  const sealed = codec.sealHead(keys.dataKey, place, head, nonces);
  const emptyPlain = new Uint8Array(1024 - 29);
  return [
    record('snapshot', 'no bytes', 'not even a version', new Uint8Array(0)),
    record('snapshot', 'version 2', 'a version that is not known', patched(snap, 0, 2), unsupported),
    record('snapshot', 'truncated', 'it ends in a root', snap.subarray(0, snap.length - 1)),
    record('snapshot', 'left over', 'a byte behind the last root', Buffer.concat([snap, Uint8Array.of(0)])),
    record('snapshot', 'unknown flag', 'flag 2', patched(snap, flagAt, 2)),
    record('snapshot', 'complete with unreadable files', 'a snapshot with unreadable files is incomplete', patched(snap, flagAt, 0)),
    record('snapshot', 'too many roots', '513 roots', patched(snap, flagAt + 41, 2, 1)),
    record('snapshot', 'roots out of order', 'paths descend', patched(snap, flagAt + 45, 'z'.charCodeAt(0))),
    record('snapshot', 'NUL in a path', 'a path with a NUL', patched(snap, flagAt + 46, 0)),
    record('index', 'no bytes', 'not even a version', new Uint8Array(0)),
    record('index', 'version 2', 'a version that is not known', patched(raw, 0, 2), unsupported),
    record('index', 'no packs', 'an index lists at least one pack', Uint8Array.of(1)),
    record('index', 'truncated', 'it ends in a table', raw.subarray(0, raw.length - 1)),
    record('index', 'kind 4', 'an unknown kind of pack', patched(raw, 33, 4)),
    record('index', 'too little redundancy', 'm is below k', patched(raw, 35, 3)),
    record('index', 'no shard length', 'shards of 0 bytes', patched(raw, 36, 0, 0, 0, 0)),
    record('index', 'too many chunks', '16,385 chunks', patched(raw, 40, 0, 0, 0x40, 1)),
    record('index', 'no chunks', 'a pack has at least one chunk', patched(raw, 40, 0, 0, 0, 0)),
    record('index', 'frames longer than the pack', 'the frames do not fit k shards', patched(raw, 34, 1)),
    record('snapshot list', 'ragged', 'no whole entries', list.subarray(0, 100)),
    record('snapshot list', 'out of order', 'times descend', Buffer.concat([list.subarray(56), list.subarray(0, 56)])),
    record('snapshot list', 'twice', 'one snapshot twice', Buffer.concat([list.subarray(0, 56), list.subarray(0, 56)])),
    record('head', 'no bytes', 'not even a version', new Uint8Array(0)),
    record('head', 'version 2', 'a version that is not known', patched(sealed, 0, 2), unsupported),
    record('head', 'flipped bit', 'the tag does not match', patched(sealed, 500, sealed[500]! ^ 1), 'codec.wrong-key'),
    record('head', 'ragged', 'no multiple of 1,024 bytes', sealed.subarray(0, 1023)),
    record('head', 'padding', 'padding is zeros', sealHeadBytes(patched(emptyPlain, -1, 1))),
    record('head', 'too much padding', 'padding of a whole unit', sealHeadBytes(new Uint8Array(2048 - 29))),
    record('head', 'too many index packs', '513 index packs', sealHeadBytes(patched(emptyPlain, 17, 2, 1))),
    record('head', 'an index pack twice', 'the same pack id in two places', sealHeadBytes(patched(emptyPlain, 17, 0, 2))),
    record('head', 'too many snapshots', '513 snapshots', sealHeadBytes(patched(emptyPlain, 19, 2, 1))),
    record('head', 'a snapshot twice', 'snapshots ascend strictly', sealHeadBytes(patched(emptyPlain, 19, 0, 2))),
    record('head', 'unknown flag', 'a 2 where older snapshots are announced', sealHeadBytes(patched(emptyPlain, 21, 2))),
  ];
}

function writeRecords(): void {
  const { olderSnapshots: _, ...headWithoutOlder } = head;
  write('records.json', {
    dataKey: keys.dataKey,
    head: { ...place, nonce },
    valid: [
      { record: 'tree', name: 'every type', value: entries, bytes: treeOf(...entries) },
      { record: 'tree', name: 'empty directory', value: [], bytes: treeOf() },
      { record: 'snapshot', name: 'incomplete, two roots', value: snapshot, bytes: codec.encodeSnapshot(snapshot) },
      {
        record: 'snapshot',
        name: 'no roots',
        value: { ...snapshot, roots: [], incomplete: false, statistics: { ...snapshot.statistics, unreadableCount: 0 } },
        bytes: codec.encodeSnapshot({ ...snapshot, roots: [], incomplete: false, statistics: { ...snapshot.statistics, unreadableCount: 0 } }),
      },
      { record: 'index', name: 'two packs', value: index.map(({ table, ...pack }) => ({ ...pack, table: table.bytes })), bytes: indexBytes() },
      { record: 'snapshot list', name: 'three', value: snapshotEntries, bytes: codec.encodeSnapshotList(snapshotEntries) },
      { record: 'snapshot list', name: 'none', value: [], bytes: codec.encodeSnapshotList([]) },
      { record: 'head', name: 'with older snapshots', value: head, bytes: codec.sealHead(keys.dataKey, place, head, nonces) },
      { record: 'head', name: 'without', value: headWithoutOlder, bytes: codec.sealHead(keys.dataKey, place, headWithoutOlder, nonces) },
      { record: 'head', name: 'of a new vault', value: emptyHead, bytes: codec.sealHead(keys.dataKey, place, emptyHead, nonces) },
    ],
    invalid: [...invalidTrees(), ...invalidOthers()],
  });
}

async function writeStreams(): Promise<void> {
  const numbered = (number: number): Uint8Array => {
    const raw = Buffer.alloc(32);
    raw.writeUInt32BE(number, 28);
    return raw;
  };
  const cases = [];
  for (const chunkCount of [0, 1, 64, 65, 8192, 8193, 20_000, 64 * 8192 + 1]) {
    const lists: { lengthBytes: number; id: Uint8Array }[] = [];
    const builder = new codec.StreamRefBuilder((plaintext) => {
      const listId = idOf(plaintext);
      lists.push({ lengthBytes: plaintext.length, id: listId });
      return listId;
    });
    for (let number = 0; number < chunkCount; number += 1) await builder.add(numbered(number), 1000);
    const ref = await builder.finish();
    const inline = ref.ids.length > 4 ? { idsSha256: sha256(Buffer.concat(ref.ids)) } : { ids: ref.ids };
    cases.push({
      chunkCount,
      sizeBytes: ref.sizeBytes,
      depth: ref.depth,
      idCount: ref.ids.length,
      ...inline,
      listCount: lists.length,
      lists: lists.length > 4 ? [lists[0], lists.at(-1)] : lists,
    });
  }
  write('streams.json', {
    rule: 'A stream of so many chunks of 1000 bytes; the id of chunk i is i as a big-endian number of 32 bytes. Of more than four lists the first and the last one stored are given.',
    chunkIdKey: keys.chunkIdKey,
    cases,
  });
}

writeKeys();
writePacks();
writeRecords();
await writeStreams();
