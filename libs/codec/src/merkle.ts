/**
 * The Merkle tree of a shard: groups of 64 KiB hashed with BLAKE3, natively. Section "Merkle tree" of docs/format.md. The
 * tree above the groups and the proofs of single leaves are in libs/protocol, where prover and verifier share them.
 */
import { Blake3Hasher } from '@napi-rs/blake-hash';
import { GROUP_BYTES, groupCountOf, HASH_BYTES, merkleRoot } from '@holdfast/protocol';
import { badArgument } from './shapes.ts';

/** Root and group hashes of one shard. */
export interface ShardTree {
  /** 32 bytes. */
  readonly root: Uint8Array<ArrayBuffer>;
  /** 32 bytes for each group, in order. */
  readonly groupHashes: Uint8Array<ArrayBuffer>;
  /** A multiple of 64 KiB, above 0. */
  readonly lengthBytes: number;
}

export interface MerkleHasher {
  /** The next bytes of the shard, any number of them; they may be overwritten afterwards. */
  push(bytes: Uint8Array): void;
  /** Bytes taken since the start. */
  readonly lengthBytes: number;
  /**
   * The shard's tree. The hasher must not be used any more.
   * @throws HoldfastError `codec.bad-argument` when the length is 0 or not a multiple of 64 KiB: check it beforehand.
   */
  finish(): ShardTree;
}

// Resetting a native hasher costs nearly nothing, making one costs more; a digest by way of hex spares the binding's
// own buffers, which are external memory.
let native: Blake3Hasher | undefined;
function hashTo(target: Buffer, at: number, bytes: Uint8Array): void {
  native ??= new Blake3Hasher();
  native.reset();
  target.write(native.update(bytes).digest('hex'), at, 'hex');
}

/** BLAKE3 of one group of exactly 64 KiB: 32 bytes. */
export function groupHash(group: Uint8Array): Uint8Array<ArrayBuffer> {
  if (group.length !== GROUP_BYTES) throw badArgument(`a group of ${group.length} bytes instead of ${GROUP_BYTES}.`);
  const hash = Buffer.alloc(HASH_BYTES);
  hashTo(hash, 0, group);
  return new Uint8Array(hash);
}

/** Hashes a shard while it streams past. Holds one group of 64 KiB and the hashes. */
export function createMerkleHasher(): MerkleHasher {
  const group = Buffer.allocUnsafe(GROUP_BYTES);
  let hashes = Buffer.alloc(64 * HASH_BYTES);
  let groupCount = 0;
  let filled = 0;

  const add = (bytes: Uint8Array): void => {
    const at = groupCount * HASH_BYTES;
    if (at === hashes.length) hashes = Buffer.concat([hashes, Buffer.alloc(hashes.length)]);
    hashTo(hashes, at, bytes);
    groupCount += 1;
  };

  return {
    get lengthBytes() {
      return groupCount * GROUP_BYTES + filled;
    },
    push(bytes) {
      let at = 0;
      if (filled > 0) {
        at = Math.min(bytes.length, GROUP_BYTES - filled);
        group.set(bytes.subarray(0, at), filled);
        filled += at;
        if (filled < GROUP_BYTES) return;
        add(group);
        filled = 0;
      }
      for (; at + GROUP_BYTES <= bytes.length; at += GROUP_BYTES) add(bytes.subarray(at, at + GROUP_BYTES));
      group.set(bytes.subarray(at));
      filled = bytes.length - at;
    },
    finish() {
      const lengthBytes = groupCount * GROUP_BYTES + filled;
      groupCountOf(lengthBytes);
      const groupHashes = new Uint8Array(hashes.subarray(0, groupCount * HASH_BYTES));
      return { root: merkleRoot(groupHashes), groupHashes, lengthBytes };
    },
  };
}

/** The tree of a whole shard in memory. */
export function shardTree(shard: Uint8Array): ShardTree {
  const hasher = createMerkleHasher();
  hasher.push(shard);
  return hasher.finish();
}
