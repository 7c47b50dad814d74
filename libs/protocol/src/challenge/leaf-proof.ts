/**
 * Proofs that a shard holds one leaf of 1 KiB: the path inside the leaf's group is BLAKE3's own chunk tree, then the
 * path over the groups. Section "Merkle tree" of docs/format.md.
 */
import { equalBytes } from '../bytes.ts';
import { fail, type HoldfastError } from '../errors.ts';
import { GROUP_BYTES } from '../limits.ts';
import { type ChainingValue, chunkValue, LEAF_BYTES, parentValue, valueFromBytes, valueToBytes } from './blake3.ts';
import { badArgument, groupCountOf, HASH_BYTES, innerNode, merkleLevels, merkleRoot } from './merkle-tree.ts';

export { LEAF_BYTES } from './blake3.ts';

const LEAVES_PER_GROUP = GROUP_BYTES / LEAF_BYTES;
/** Levels of BLAKE3's tree over the 64 chunks of a group. */
const GROUP_LEVELS = Math.log2(LEAVES_PER_GROUP);

/** One leaf of a shard with the hashes that lead from it to the root. */
export interface LeafProof {
  /** 1024 bytes. */
  readonly leaf: Uint8Array;
  /** The siblings, 32 bytes each, from the leaf upwards: 6 inside its group, then those over the groups. */
  readonly path: Uint8Array;
}

/** Leaves of a shard: its length over 1024. */
export const leafCountOf = (lengthBytes: number): number => groupCountOf(lengthBytes) * LEAVES_PER_GROUP;

/** Length in bytes of the path of a leaf: depends on the shard's length and the leaf's place only. */
export function pathBytesOf(lengthBytes: number, leafIndex: number): number {
  checkLeafIndex(lengthBytes, leafIndex);
  let siblings = GROUP_LEVELS;
  let index = Math.floor(leafIndex / LEAVES_PER_GROUP);
  for (let count = groupCountOf(lengthBytes); count > 1; count = Math.ceil(count / 2)) {
    if ((index ^ 1) < count) siblings += 1;
    index >>= 1;
  }
  return siblings * HASH_BYTES;
}

/**
 * Proves leaf `leafIndex` of a shard.
 * @param group the 64 KiB of the shard in which the leaf lies, as read from the disk.
 * @param groupHashes of the whole shard, 32 bytes each.
 * @throws HoldfastError `codec.damaged` when the group is not the one that was hashed: the shard is lost.
 */
export const proveLeaf = (group: Uint8Array, groupHashes: Uint8Array, leafIndex: number): LeafProof =>
  proveLeafOf(group, merkleLevels(groupHashes), leafIndex);

/** The same, for many leaves of one shard: `levels` are the shard's merkleLevels. */
export function proveLeafOf(group: Uint8Array, levels: readonly Uint8Array[], leafIndex: number): LeafProof {
  const groupHashes = levels[0]!;
  if (group.length !== GROUP_BYTES) throw badArgument(`a group of ${group.length} bytes instead of ${GROUP_BYTES}.`);
  const lengthBytes = (groupHashes.length / HASH_BYTES) * GROUP_BYTES;
  const path = new Uint8Array(pathBytesOf(lengthBytes, leafIndex));
  const groupIndex = Math.floor(leafIndex / LEAVES_PER_GROUP);
  const leafInGroup = leafIndex % LEAVES_PER_GROUP;
  const hash = pathInGroup(group, leafInGroup, path);
  if (!equalBytes(hash, groupHashes.subarray(groupIndex * HASH_BYTES, (groupIndex + 1) * HASH_BYTES))) {
    throw fail('codec.damaged', { what: 'a shard', detail: `its group ${groupIndex} does not match its hash` });
  }
  let at = GROUP_LEVELS * HASH_BYTES;
  let index = groupIndex;
  for (const level of levels.slice(0, -1)) {
    const sibling = level.subarray((index ^ 1) * HASH_BYTES, ((index ^ 1) + 1) * HASH_BYTES);
    path.set(sibling, at);
    at += sibling.length;
    index >>= 1;
  }
  const start = leafInGroup * LEAF_BYTES;
  return { leaf: group.slice(start, start + LEAF_BYTES), path };
}

/** Writes the six siblings inside the group to the start of `path`; returns the hash of the group. */
function pathInGroup(group: Uint8Array, leafInGroup: number, path: Uint8Array): Uint8Array {
  let values: ChainingValue[] = Array.from({ length: LEAVES_PER_GROUP }, (_, index) =>
    chunkValue(group.subarray(index * LEAF_BYTES, (index + 1) * LEAF_BYTES), index),
  );
  let index = leafInGroup;
  for (let level = 0; level < GROUP_LEVELS; level += 1) {
    path.set(valueToBytes(values[index ^ 1]!), level * HASH_BYTES);
    const isTop = level === GROUP_LEVELS - 1;
    values = Array.from({ length: values.length / 2 }, (_, parent) =>
      parentValue(values[2 * parent]!, values[2 * parent + 1]!, isTop),
    );
    index >>= 1;
  }
  return valueToBytes(values[0]!);
}

/**
 * The root (32 bytes) of a whole shard, for who has no native BLAKE3 and reads one now and then: some 100 MB/s.
 * @throws HoldfastError `codec.bad-argument` unless its length is a positive multiple of 64 KiB.
 */
export function shardRoot(shard: Uint8Array): Uint8Array<ArrayBuffer> {
  const groupHashes = new Uint8Array(groupCountOf(shard.length) * HASH_BYTES);
  const path = new Uint8Array(GROUP_LEVELS * HASH_BYTES);
  for (let at = 0, group = 0; at < shard.length; at += GROUP_BYTES, group += 1) {
    groupHashes.set(pathInGroup(shard.subarray(at, at + GROUP_BYTES), 0, path), group * HASH_BYTES);
  }
  return merkleRoot(groupHashes);
}

/**
 * Verifies that the shard with this root and length holds `proof.leaf` at `leafIndex`.
 * @param lengthBytes as signed together with the root.
 * @throws HoldfastError `proof.invalid` when it does not, or the proof has a wrong shape; `codec.bad-argument` for a
 *   length or leaf index that no challenge can name.
 */
export function verifyLeaf(root: Uint8Array, lengthBytes: number, leafIndex: number, proof: LeafProof): void {
  const pathBytes = pathBytesOf(lengthBytes, leafIndex);
  const { leaf, path } = proof;
  if (leaf.length !== LEAF_BYTES) throw invalid(`the leaf has ${leaf.length} bytes instead of ${LEAF_BYTES}`);
  if (path.length !== pathBytes) throw invalid(`the path has ${path.length} bytes instead of ${pathBytes}`);
  let hash = hashOfGroup(leaf, path, leafIndex % LEAVES_PER_GROUP);
  let at = GROUP_LEVELS * HASH_BYTES;
  let index = Math.floor(leafIndex / LEAVES_PER_GROUP);
  const children = new Uint8Array(2 * HASH_BYTES);
  for (let count = groupCountOf(lengthBytes); count > 1; count = Math.ceil(count / 2)) {
    if ((index ^ 1) < count) {
      children.set(hash, (index & 1) * HASH_BYTES);
      children.set(path.subarray(at, at + HASH_BYTES), (~index & 1) * HASH_BYTES);
      hash = innerNode(children);
      at += HASH_BYTES;
    }
    index >>= 1;
  }
  if (!equalBytes(hash, root)) throw invalid('leaf and path lead to another root');
}

function hashOfGroup(leaf: Uint8Array, path: Uint8Array, leafInGroup: number): Uint8Array<ArrayBuffer> {
  let value = chunkValue(leaf, leafInGroup);
  for (let level = 0; level < GROUP_LEVELS; level += 1) {
    const sibling = valueFromBytes(path.subarray(level * HASH_BYTES, (level + 1) * HASH_BYTES));
    const isTop = level === GROUP_LEVELS - 1;
    const isRight = (leafInGroup >> level) & 1;
    value = isRight ? parentValue(sibling, value, isTop) : parentValue(value, sibling, isTop);
  }
  return valueToBytes(value);
}

const invalid = (detail: string): HoldfastError => fail('proof.invalid', { detail });

function checkLeafIndex(lengthBytes: number, leafIndex: number): void {
  const count = leafCountOf(lengthBytes);
  if (!Number.isInteger(leafIndex) || leafIndex < 0 || leafIndex >= count) {
    throw badArgument(`leaf ${leafIndex} of a shard with ${count}.`);
  }
}
