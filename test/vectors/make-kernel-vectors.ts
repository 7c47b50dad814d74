/**
 * Wrote chunker.json, erasure.json and merkle.json, once: they are the format from then on, and a test compares the code
 * with them. Run by hand for a new version of the format only: node -C @holdfast/source test/vectors/make-kernel-vectors.ts
 */
import { createCipheriv, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import {
  createChunker,
  encodeShards,
  encodeTreeFile,
  LEAF_BYTES,
  type LeafProof,
  proveLeaf,
  publishedGearTable,
  type ShardTree,
  shardTree,
} from '@holdfast/codec';
import { GROUP_BYTES, toHex } from '@holdfast/protocol';

const KIB = 1024;
const streamRule = 'bytes of a label: AES-256-CTR key stream, key SHA-256(label), zero IV';

function streamOf(label: string, lengthBytes: number): Uint8Array {
  const key = createHash('sha256').update(label).digest();
  return new Uint8Array(createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes)));
}

function write(name: string, contents: object): void {
  // 'wx': golden vectors are never replaced by accident
  writeFileSync(new URL(name, import.meta.url), `${JSON.stringify(contents, null, 1)}\n`, { flag: 'wx' });
}

const tableOf = (label: string): BigUint64Array =>
  label === 'published' ? publishedGearTable() : new BigUint64Array(streamOf(label, 2048).buffer);

function chunkerCase(name: string, table: string, data: { label: string; periodBytes?: number }, lengthBytes: number): object {
  const period = streamOf(data.label, data.periodBytes ?? lengthBytes);
  const bytes = Uint8Array.from({ length: lengthBytes }, (_, at) => period[at % period.length]!);
  const chunker = createChunker(tableOf(table));
  const chunks = [...chunker.push(bytes), ...chunker.finish()];
  return { name, table, ...data, lengthBytes, chunkBytes: chunks.map((chunk) => chunk.length) };
}

function writeChunker(): void {
  const tableBytes = (label: string): string => {
    const bytes = Buffer.alloc(2048);
    tableOf(label).forEach((value, index) => bytes.writeBigUInt64LE(value, 8 * index));
    return createHash('sha256').update(bytes).digest('hex');
  };
  const random = { label: 'holdfast vector chunker random' };
  write('chunker.json', {
    about: `Lengths of the chunks of a stream. ${streamRule}, repeated where there is a period. A table other than "published" is the 2048 bytes of its label, as little-endian u64.`,
    tableSha256: { published: tableBytes('published'), 'holdfast vector gear key': tableBytes('holdfast vector gear key') },
    publishedFirst: toHex(new Uint8Array(publishedGearTable().slice(0, 2).buffer)),
    cases: [
      chunkerCase('empty', 'published', random, 0),
      chunkerCase('one byte', 'published', random, 1),
      chunkerCase('exactly the minimum', 'published', random, 256 * KIB),
      chunkerCase('random, 16 MiB', 'published', random, 16384 * KIB),
      chunkerCase('random, odd length', 'published', random, 7_654_321),
      chunkerCase('random, another table', 'holdfast vector gear key', random, 16384 * KIB),
      chunkerCase('one byte repeated: only the maximum cuts', 'published', { label: 'holdfast vector one byte', periodBytes: 1 }, 9000 * KIB),
      chunkerCase('period of 300,007 bytes', 'published', { label: 'holdfast vector period', periodBytes: 300_007 }, 8192 * KIB),
    ],
  });
}

function writeErasure(): void {
  const cases = [[1, 1, 8], [1, 3, 5], [2, 2, 33], [3, 3, 16], [4, 4, 64], [4, 8, 7], [5, 5, 40], [10, 10, 65], [20, 20, 20]] as const;
  write('erasure.json', {
    about: `Parity shards, hex. The data shards are consecutive pieces of the data. ${streamRule}.`,
    cases: cases.map(([dataShards, parityShards, shardBytes]) => {
      const label = `holdfast vector erasure ${dataShards}+${parityShards}`;
      const shards = encodeShards(streamOf(label, dataShards * shardBytes), dataShards, parityShards);
      return { dataShards, parityShards, shardBytes, label, data: shards.slice(0, dataShards).map(toHex), parity: shards.slice(dataShards).map(toHex) };
    }),
  });
}

interface Shard extends ShardTree {
  readonly label: string;
  readonly bytes: Uint8Array;
}

function makeShard(groupCount: number): Shard {
  const label = `holdfast vector shard ${groupCount}`;
  const bytes = streamOf(label, groupCount * GROUP_BYTES);
  return { label, bytes, ...shardTree(bytes) };
}

function prove({ bytes, groupHashes }: Shard, leafIndex: number): LeafProof {
  const start = Math.floor((leafIndex * LEAF_BYTES) / GROUP_BYTES) * GROUP_BYTES;
  return proveLeaf(bytes.subarray(start, start + GROUP_BYTES), groupHashes, leafIndex);
}

interface Claim {
  root: Uint8Array;
  lengthBytes: number;
  leafIndex: number;
  leaf: Uint8Array;
  path: Uint8Array;
}
const claimOf = (shard: Shard, leafIndex: number): Claim => ({
  root: shard.root,
  lengthBytes: shard.lengthBytes,
  leafIndex,
  ...prove(shard, leafIndex),
});
const render = ({ root, lengthBytes, leafIndex, leaf, path }: Claim): object => ({
  root: toHex(root),
  lengthBytes,
  leafIndex,
  leaf: toHex(leaf),
  path: toHex(path),
});
function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3]! ^= 1 << (bit & 7);
  return copy;
}
const joined = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

function invalidClaims(five: Shard, two: Shard): [reason: string, claim: Claim][] {
  const good = claimOf(five, 100);
  const { leaf, path } = good;
  const swapped = joined(path.subarray(32, 64), path.subarray(0, 32), path.subarray(64));
  return [
    ['one bit of the leaf is flipped', { ...good, leaf: flipped(leaf, 4321) }],
    ['one bit of the path inside the group is flipped', { ...good, path: flipped(path, 7) }],
    ['one bit of the path over the groups is flipped', { ...good, path: flipped(path, 8 * 6 * 32 + 255) }],
    ['one bit of the root is flipped', { ...good, root: flipped(five.root, 0) }],
    ['the proof is for another leaf of the same group', { ...good, leafIndex: 101 }],
    ['the proof is for the same leaf of another group', { ...good, leafIndex: 36 }],
    ['the leaf is from another place, with the path of this one', { ...good, leaf: prove(five, 101).leaf }],
    ['the leaf is from another shard', { ...good, leaf: prove(two, 100).leaf }],
    ['two siblings are swapped', { ...good, path: swapped }],
    ['the last sibling is missing', { ...good, path: path.subarray(0, path.length - 32) }],
    ['the path has one hash too many', { ...good, path: joined(path, five.root) }],
    ['the path is cut inside a hash', { ...good, path: path.subarray(0, path.length - 1) }],
    ['the length is another one, with another shape', { ...good, lengthBytes: 4 * GROUP_BYTES }],
    ['the leaf is short', { ...good, leaf: leaf.subarray(0, 1023) }],
    ['the leaf is empty', { ...good, leaf: new Uint8Array(0) }],
    ['the last group is promoted, so that its path is shorter than the others', { ...claimOf(five, 300), path }],
  ];
}

function invalidFiles(file: Uint8Array): [reason: string, code: string, file: Uint8Array][] {
  const changed = (at: number, value: number): Uint8Array => {
    const copy = file.slice();
    copy[at] = value;
    return copy;
  };
  return [
    ['the magic is another one', 'codec.damaged', changed(0, 0x68)],
    ['the version is unknown', 'codec.unsupported-version', changed(6, 2)],
    ['the byte after the version is not 0', 'codec.damaged', changed(7, 1)],
    ['the length is no multiple of 64 KiB', 'codec.damaged', changed(15, 1)],
    ['the length is one group more', 'codec.damaged', changed(13, 3)],
    ['the length is beyond every bound', 'codec.damaged', changed(8, 255)],
    ['the root does not match the hashes', 'codec.damaged', changed(16, file[16]! ^ 1)],
    ['a hash does not match the root', 'codec.damaged', changed(48, file[48]! ^ 1)],
    ['a hash is missing', 'codec.damaged', file.subarray(0, file.length - 32)],
    ['there is a byte too many', 'codec.damaged', joined(file, new Uint8Array(1))],
    ['it is empty', 'codec.damaged', new Uint8Array(0)],
  ];
}

function writeMerkle(): void {
  const shards = new Map([1, 2, 3, 5, 8, 31, 128].map((count) => [count, makeShard(count)]));
  const places: [groups: number, leafIndex: number][] = [[1, 0], [1, 63], [2, 64], [3, 64], [3, 191], [5, 100], [5, 300], [31, 1983], [128, 5000]];
  const file = encodeTreeFile(shards.get(2)!);
  write('merkle.json', {
    about: `Roots of shards, proofs of leaves and files of group hashes, hex. ${streamRule}.`,
    roots: [...shards.values()].map(({ label, lengthBytes, root, groupHashes }) => ({
      label,
      lengthBytes,
      root: toHex(root),
      firstGroupHash: toHex(groupHashes.subarray(0, 32)),
    })),
    validProofs: places.map(([groups, leafIndex]) => render(claimOf(shards.get(groups)!, leafIndex))),
    invalidProofs: invalidClaims(shards.get(5)!, shards.get(2)!).map(([reason, claim]) => ({
      reason,
      code: 'proof.invalid',
      ...render(claim),
    })),
    validFiles: [{ label: shards.get(2)!.label, lengthBytes: 2 * GROUP_BYTES, file: toHex(file) }],
    invalidFiles: invalidFiles(file).map(([reason, code, bytes]) => ({ reason, code, file: toHex(bytes) })),
  });
}

writeChunker();
writeErasure();
writeMerkle();
