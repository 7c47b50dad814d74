import { describe, expect, it } from '@jest/globals';
import { blake3, Blake3Hasher } from '@napi-rs/blake-hash';
import fc from 'fast-check';
import { GROUP_BYTES, merkleLevels, merkleRoot } from '@holdfast/protocol';
import { createMerkleHasher, groupHash, shardTree } from './merkle.ts';
import { decodeTreeFile, encodeTreeFile, treeFileBytes } from './merkle-file.ts';
import { streamOf } from './test-bytes.ts';

const code = (expected: string): unknown => expect.objectContaining({ code: expected });
/** From docs/format.md. */
const NODE_CONTEXT = 'holdfast v1 shard tree inner node';
const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.from(a).equals(b);

/** The definition, with the native binding only: the left subtree is the largest full one. */
function slowRoot(groups: readonly Buffer[]): Buffer {
  if (groups.length === 1) return groups[0]!;
  const left = 2 ** Math.floor(Math.log2(groups.length - 1));
  const children = [slowRoot(groups.slice(0, left)), slowRoot(groups.slice(left))];
  return Blake3Hasher.deriveKey(NODE_CONTEXT, Buffer.concat(children));
}

describe('the root of a shard', () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8, 13, 65])('of %i groups is what the definition says', (count) => {
    const shard = streamOf(`merkle ${count}`, count * GROUP_BYTES);
    const groups = Array.from({ length: count }, (_, index) =>
      blake3(shard.subarray(index * GROUP_BYTES, (index + 1) * GROUP_BYTES)),
    );
    const tree = shardTree(shard);
    expect(same(tree.groupHashes, Buffer.concat(groups))).toBe(true);
    expect(same(tree.root, slowRoot(groups))).toBe(true);
    expect(tree.lengthBytes).toBe(shard.length);
    expect(merkleRoot(tree.groupHashes)).toEqual(tree.root);
    expect(merkleLevels(tree.groupHashes).map((level) => level.length / 32)[0]).toBe(count);
    expect(groupHash(shard.subarray(0, GROUP_BYTES))).toEqual(tree.groupHashes.slice(0, 32));
  });

  it('does not depend on how the bytes arrive, nor on the buffers they came in', () => {
    const shard = streamOf('slices', 5 * GROUP_BYTES);
    const { root } = shardTree(shard);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: shard.length }), { maxLength: 12 }), (places) => {
        const hasher = createMerkleHasher();
        let start = 0;
        for (const end of [...places.sort((a, b) => a - b), shard.length]) {
          const piece = shard.slice(start, end);
          hasher.push(piece);
          piece.fill(0);
          start = end;
          expect(hasher.lengthBytes).toBe(end);
        }
        expect(hasher.finish().root).toEqual(root);
      }),
    );
  });

  it('does not exist for a length of 0 or one that is no multiple of 64 KiB', () => {
    for (const lengthBytes of [0, 1, GROUP_BYTES - 1, GROUP_BYTES + 1]) {
      expect(() => shardTree(new Uint8Array(lengthBytes))).toThrow(code('codec.bad-argument'));
    }
    for (const lengthBytes of [0, 31, 33]) {
      expect(() => merkleRoot(new Uint8Array(lengthBytes))).toThrow(code('codec.bad-argument'));
    }
    expect(() => groupHash(new Uint8Array(1024))).toThrow(code('codec.bad-argument'));
  });

  it('differs when groups are swapped, dropped, doubled or replaced by an inner node', () => {
    const hashes = shardTree(streamOf('order', 4 * GROUP_BYTES)).groupHashes;
    const [a, b, c, d] = [0, 32, 64, 96].map((at) => hashes.subarray(at, at + 32));
    const rootOf = (...parts: Uint8Array[]): string => Buffer.from(merkleRoot(Buffer.concat(parts))).toString('hex');
    const inner = merkleLevels(hashes)[1]!.subarray(0, 32);
    const roots = [
      rootOf(a!, b!, c!, d!),
      rootOf(b!, a!, c!, d!),
      rootOf(c!, d!, a!, b!),
      rootOf(a!, b!, c!),
      rootOf(a!, b!, c!, c!),
      rootOf(a!, b!, c!, d!, d!),
      rootOf(a!, b!),
    ];
    expect(new Set(roots).size).toBe(roots.length);
    // A tree of fewer groups with this root would need a group whose plain BLAKE3 is an inner node's derive-key hash.
    expect(rootOf(inner, c!, d!)).not.toBe(roots[0]);
    expect(Buffer.from(inner).equals(blake3(Buffer.concat([a!, b!])))).toBe(false);
  });
});

describe('the file of group hashes', () => {
  const tree = shardTree(streamOf('file', 3 * GROUP_BYTES));
  const file = encodeTreeFile(tree);

  it('gives the tree back', () => {
    expect(decodeTreeFile(file)).toEqual(tree);
    expect(file.length).toBe(treeFileBytes(3 * GROUP_BYTES));
  });

  it('shows every damaged byte, every cut and everything added', () => {
    for (let at = 0; at < file.length; at += 1) {
      const damaged = file.slice();
      damaged[at]! ^= 1 << (at % 8);
      const expected = at === 6 ? 'codec.unsupported-version' : 'codec.damaged';
      expect(() => decodeTreeFile(damaged)).toThrow(code(expected));
      expect(() => decodeTreeFile(file.subarray(0, at))).toThrow(code('codec.damaged'));
    }
    expect(() => decodeTreeFile(Buffer.concat([file, new Uint8Array(32)]))).toThrow(code('codec.damaged'));
  });

  it('never crashes on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(() => decodeTreeFile(bytes)).toThrow(expect.objectContaining({ name: 'HoldfastError' }));
        const headed = new Uint8Array(Buffer.concat([file.subarray(0, 7), bytes]));
        expect(() => decodeTreeFile(headed)).toThrow(expect.objectContaining({ name: 'HoldfastError' }));
      }),
    );
  });
});
