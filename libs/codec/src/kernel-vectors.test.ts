/** Golden vectors of the kernels: what was cut, coded and hashed once must be so for ever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { fromHex, GROUP_BYTES, LEAF_BYTES, proveLeaf, toHex, verifyLeaf } from '@holdfast/protocol';
import { createChunker } from './chunker.ts';
import { encodeShards, reconstructShards } from './erasure.ts';
import { publishedGearTable } from './gear.ts';
import { shardTree } from './merkle.ts';
import { decodeTreeFile, encodeTreeFile } from './merkle-file.ts';
import { streamOf } from './test-bytes.ts';

const read = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../test/vectors/${name}`, import.meta.url), 'utf8'));
const code = (expected: string): unknown => expect.objectContaining({ code: expected });

interface ChunkerVectors {
  tableSha256: Record<string, string>;
  publishedFirst: string;
  cases: {
    name: string;
    table: string;
    label: string;
    periodBytes?: number;
    lengthBytes: number;
    chunkBytes: number[];
  }[];
}

describe('chunker.json', () => {
  const vectors = read('chunker.json') as ChunkerVectors;
  const tableOf = (label: string): BigUint64Array =>
    label === 'published' ? publishedGearTable() : new BigUint64Array(streamOf(label, 2048).buffer);

  test.each(Object.entries(vectors.tableSha256))('the table "%s"', (label, sha256) => {
    const bytes = Buffer.alloc(2048);
    tableOf(label).forEach((value, index) => bytes.writeBigUInt64LE(value, 8 * index));
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(sha256);
    if (label === 'published') expect(bytes.toString('hex', 0, 16)).toBe(vectors.publishedFirst);
  });

  test.each(vectors.cases)('$name', ({ table, label, periodBytes, lengthBytes, chunkBytes }) => {
    const period = streamOf(label, periodBytes ?? lengthBytes);
    const bytes = Uint8Array.from({ length: lengthBytes }, (_, at) => period[at % period.length]!);
    const chunker = createChunker(tableOf(table));
    expect([...chunker.push(bytes), ...chunker.finish()].map((chunk) => chunk.length)).toEqual(chunkBytes);
  });
});

interface ErasureVectors {
  cases: {
    dataShards: number;
    parityShards: number;
    shardBytes: number;
    label: string;
    data: string[];
    parity: string[];
  }[];
}

describe('erasure.json', () => {
  test.each((read('erasure.json') as ErasureVectors).cases)('$dataShards+$parityShards', (vector) => {
    const { dataShards, parityShards, shardBytes, label, data, parity } = vector;
    const bytes = streamOf(label, dataShards * shardBytes);
    expect(toHex(bytes)).toBe(data.join(''));
    expect(encodeShards(bytes, dataShards, parityShards).map(toHex)).toEqual([...data, ...parity]);
    // the last k shards alone: all data from parity where there is enough of it
    const given = [...data, ...parity].map((hex, index) => (index >= parityShards ? fromHex(hex) : undefined));
    expect(reconstructShards(given, dataShards, parityShards).map(toHex)).toEqual([...data, ...parity]);
  });
});

interface ProofVector {
  root: string;
  lengthBytes: number;
  leafIndex: number;
  leaf: string;
  path: string;
}
interface MerkleVectors {
  roots: { label: string; lengthBytes: number; root: string; firstGroupHash: string }[];
  validProofs: ProofVector[];
  invalidProofs: (ProofVector & { reason: string; code: string })[];
  validFiles: { label: string; lengthBytes: number; file: string }[];
  invalidFiles: { reason: string; code: string; file: string }[];
}

describe('merkle.json', () => {
  const vectors = read('merkle.json') as MerkleVectors;
  const verify = ({ root, lengthBytes, leafIndex, leaf, path }: ProofVector): void =>
    verifyLeaf(fromHex(root), lengthBytes, leafIndex, { leaf: fromHex(leaf), path: fromHex(path) });

  test.each(vectors.roots)('root of a shard of $lengthBytes bytes', ({ label, lengthBytes, root, firstGroupHash }) => {
    const tree = shardTree(streamOf(label, lengthBytes));
    expect(toHex(tree.root)).toBe(root);
    expect(toHex(tree.groupHashes.subarray(0, 32))).toBe(firstGroupHash);
  });

  test.each(vectors.validProofs)('proof of leaf $leafIndex of a shard of $lengthBytes bytes', (vector) => {
    verify(vector);
    const { label } = vectors.roots.find(({ root }) => root === vector.root)!;
    const shard = streamOf(label, vector.lengthBytes);
    const start = Math.floor((vector.leafIndex * LEAF_BYTES) / GROUP_BYTES) * GROUP_BYTES;
    const group = shard.subarray(start, start + GROUP_BYTES);
    const { leaf, path } = proveLeaf(group, shardTree(shard).groupHashes, vector.leafIndex);
    expect({ leaf: toHex(leaf), path: toHex(path) }).toEqual({ leaf: vector.leaf, path: vector.path });
  });

  test.each(vectors.invalidProofs)('refused: $reason', (vector) => {
    expect(() => verify(vector)).toThrow(code(vector.code));
  });

  test.each(vectors.validFiles)(
    'file of group hashes of a shard of $lengthBytes bytes',
    ({ label, lengthBytes, file }) => {
      const tree = shardTree(streamOf(label, lengthBytes));
      expect(toHex(encodeTreeFile(tree))).toBe(file);
      expect(decodeTreeFile(fromHex(file))).toEqual(tree);
    },
  );

  test.each(vectors.invalidFiles)('refused file: $reason', (vector) => {
    expect(() => decodeTreeFile(fromHex(vector.file))).toThrow(code(vector.code));
  });
});
