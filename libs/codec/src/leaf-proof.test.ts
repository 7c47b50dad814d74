import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  GROUP_BYTES,
  LEAF_BYTES,
  type LeafProof,
  leafCountOf,
  pathBytesOf,
  proveLeaf,
  verifyLeaf,
} from '@holdfast/protocol';
import { shardTree } from './merkle.ts';
import { streamOf } from './test-bytes.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });

interface Shard {
  bytes: Uint8Array;
  root: Uint8Array;
  groupHashes: Uint8Array;
}
const shards: Shard[] = [1, 2, 3, 5, 8].map((count) => {
  const bytes = streamOf(`proof ${count}`, count * GROUP_BYTES);
  return { bytes, ...shardTree(bytes) };
});

function prove({ bytes, groupHashes }: Shard, leafIndex: number): LeafProof {
  const start = Math.floor((leafIndex * LEAF_BYTES) / GROUP_BYTES) * GROUP_BYTES;
  return proveLeaf(bytes.subarray(start, start + GROUP_BYTES), groupHashes, leafIndex);
}

const anyLeaf = fc
  .constantFrom(...shards)
  .chain((shard) => fc.tuple(fc.constant(shard), fc.nat({ max: leafCountOf(shard.bytes.length) - 1 })));

describe('a proof of a leaf', () => {
  it('holds for every leaf of every group, and is as long as the shape says', () => {
    for (const shard of shards) {
      // every leaf of the last group, which has the odd shapes, and some of the others
      const count = leafCountOf(shard.bytes.length);
      const some = [...Array(count).keys()].filter((index) => index >= count - 64 || index % 17 === 0);
      for (const leafIndex of some) {
        const proof = prove(shard, leafIndex);
        expect(Buffer.compare(proof.leaf, shard.bytes.subarray(leafIndex * 1024, (leafIndex + 1) * 1024))).toBe(0);
        expect(proof.path.length).toBe(pathBytesOf(shard.bytes.length, leafIndex));
        verifyLeaf(shard.root, shard.bytes.length, leafIndex, proof);
      }
    }
  });

  it('is refused with any bit flipped, in leaf, path or root', () => {
    fc.assert(
      fc.property(anyLeaf, fc.nat(), ([shard, leafIndex], place) => {
        const proof = prove(shard, leafIndex);
        const all = Buffer.concat([proof.leaf, proof.path, shard.root]);
        const bit = place % (8 * all.length);
        all[bit >> 3]! ^= 1 << (bit & 7);
        const changed = { leaf: all.subarray(0, 1024), path: all.subarray(1024, all.length - 32) };
        const verify = (): void => verifyLeaf(all.subarray(-32), shard.bytes.length, leafIndex, changed);
        expect(verify).toThrow(code('proof.invalid'));
      }),
      { numRuns: 150 },
    );
  });

  it('is refused for any other leaf of the shard, for another shard, and for another length', () => {
    fc.assert(
      fc.property(anyLeaf, fc.nat(), fc.constantFrom(...shards), ([shard, leafIndex], place, other) => {
        const proof = prove(shard, leafIndex);
        const otherIndex = place % leafCountOf(shard.bytes.length);
        if (otherIndex !== leafIndex) {
          const verify = (): void => verifyLeaf(shard.root, shard.bytes.length, otherIndex, proof);
          expect(verify).toThrow(code('proof.invalid'));
        }
        if (other !== shard && leafIndex < leafCountOf(other.bytes.length)) {
          expect(() => verifyLeaf(other.root, other.bytes.length, leafIndex, proof)).toThrow(code('proof.invalid'));
        }
      }),
    );
  });

  it('is refused in any other shape', () => {
    const shard = shards[3]!;
    const proof = prove(shard, 70);
    const check =
      (changed: LeafProof): (() => void) =>
      () =>
        verifyLeaf(shard.root, shard.bytes.length, 70, changed);
    const longer = new Uint8Array(Buffer.concat([proof.path, new Uint8Array(32)]));
    for (const path of [proof.path.subarray(32), proof.path.subarray(1), new Uint8Array(0), longer]) {
      expect(check({ ...proof, path })).toThrow(code('proof.invalid'));
    }
    for (const leaf of [new Uint8Array(0), proof.leaf.subarray(1), new Uint8Array(1025), new Uint8Array(65_536)]) {
      expect(check({ ...proof, leaf })).toThrow(code('proof.invalid'));
    }
    expect(() => verifyLeaf(shard.root.subarray(1), shard.bytes.length, 70, proof)).toThrow(code('proof.invalid'));
  });

  it('is not made from a group that was damaged on the disk', () => {
    const shard = shards[2]!;
    for (const at of [0, 12_345, GROUP_BYTES - 1]) {
      const group = shard.bytes.slice(GROUP_BYTES, 2 * GROUP_BYTES);
      group[at]! ^= 0x10;
      expect(() => proveLeaf(group, shard.groupHashes, 64)).toThrow(code('codec.damaged'));
    }
    expect(() => proveLeaf(shard.bytes.subarray(0, GROUP_BYTES), shard.groupHashes, 64)).toThrow(code('codec.damaged'));
  });

  it('exists only for leaves that the shard has', () => {
    const shard = shards[0]!;
    for (const leafIndex of [-1, 64, 0.5, Number.NaN, 2 ** 40]) {
      expect(() => prove({ ...shard, bytes: streamOf('', 1 << 20) }, leafIndex)).toThrow(code('codec.bad-argument'));
      expect(() => pathBytesOf(GROUP_BYTES, leafIndex)).toThrow(code('codec.bad-argument'));
    }
    for (const lengthBytes of [0, 1000, GROUP_BYTES + 1024, -GROUP_BYTES, Number.NaN]) {
      expect(() => pathBytesOf(lengthBytes, 0)).toThrow(code('codec.bad-argument'));
    }
    expect(() => proveLeaf(shard.bytes.subarray(1), shard.groupHashes, 0)).toThrow(code('codec.bad-argument'));
  });
});
