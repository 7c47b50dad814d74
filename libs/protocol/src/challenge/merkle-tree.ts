/**
 * The part of a shard's Merkle tree above its groups of 64 KiB: inner nodes in BLAKE3's derive-key mode. Section "Merkle
 * tree" of docs/format.md. Groups are hashed in libs/codec, where the native BLAKE3 is; nothing here needs it.
 */
import { fail, type HoldfastError } from '../errors.ts';
import { GROUP_BYTES } from '../limits.ts';
import { contextKey, deriveKey, valueToBytes } from './blake3.ts';

export const HASH_BYTES = 32;
/** Context string of the inner nodes: keeps them apart from the hashes of groups and from everything else. */
const NODE_CONTEXT = 'holdfast v1 shard tree inner node';

/** A caller's mistake, never the data's. */
export const badArgument = (detail: string): HoldfastError => fail('codec.bad-argument', { detail });

let nodeKey: ReturnType<typeof contextKey> | undefined;
/** The inner node over two children of 32 bytes, given as their 64 bytes. */
export function innerNode(children: Uint8Array): Uint8Array<ArrayBuffer> {
  nodeKey ??= contextKey(NODE_CONTEXT);
  return valueToBytes(deriveKey(nodeKey, children));
}

/**
 * All levels of the tree: the group hashes, then each level of inner nodes up to the root alone. A node without a
 * neighbour to its right goes up unchanged.
 * @throws HoldfastError `codec.bad-argument` unless there is at least one hash of 32 bytes.
 */
export function merkleLevels(groupHashes: Uint8Array): Uint8Array[] {
  if (groupHashes.length === 0 || groupHashes.length % HASH_BYTES !== 0) {
    throw badArgument(`${groupHashes.length} bytes of group hashes.`);
  }
  const levels = [groupHashes];
  for (let level = groupHashes; level.length > HASH_BYTES;) {
    const above = new Uint8Array(Math.ceil(level.length / (2 * HASH_BYTES)) * HASH_BYTES);
    for (let at = 0; at < level.length; at += 2 * HASH_BYTES) {
      const children = level.subarray(at, at + 2 * HASH_BYTES);
      above.set(children.length === HASH_BYTES ? children : innerNode(children), at / 2);
    }
    levels.push(above);
    level = above;
  }
  return levels;
}

/** The root (32 bytes) over these group hashes. */
export const merkleRoot = (groupHashes: Uint8Array): Uint8Array<ArrayBuffer> =>
  new Uint8Array(merkleLevels(groupHashes).at(-1)!);

/** @throws HoldfastError `codec.bad-argument` unless the length is a positive multiple of 64 KiB. */
export const groupCountOf = (lengthBytes: number): number => {
  const count = lengthBytes / GROUP_BYTES;
  if (!Number.isSafeInteger(count) || count < 1) {
    throw badArgument(`a shard of ${lengthBytes} bytes, which is no positive multiple of ${GROUP_BYTES}.`);
  }
  return count;
};
