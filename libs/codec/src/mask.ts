/**
 * A shard as a node sees it: XORed with a key stream of its own, so that no node can make one shard from others.
 * Masking and unmasking are the same operation.
 */
import { createCipheriv } from 'node:crypto';
import { MAX_SHARDS } from '@holdfast/protocol';
import { shardMaskKey } from './pack-keys.ts';
import { releaseBuffer } from './release.ts';
import { badArgument } from './shapes.ts';

/** Bytes masked at a time: what a core's cache holds. */
export const MASK_PIECE_BYTES = 256 * 1024;
const BLOCK_BYTES = 16;

/**
 * Masks (or unmasks) a whole shard in place, and hands each masked piece to `onPiece` while it is still in the cache
 * (feed a Merkle hasher there: pieces are 256 KiB, whole groups, the last one shorter where the shard ends).
 */
export function maskShard(
  packMaskKey: Uint8Array,
  shardIndex: number,
  shard: Uint8Array,
  onPiece?: (piece: Uint8Array) => void,
): void {
  maskRange(packMaskKey, shardIndex, 0, shard, onPiece);
}

/**
 * Masks (or unmasks) in place the part of a shard that begins at `offset`, a multiple of 16.
 * @throws HoldfastError `codec.bad-argument`
 */
export function maskRange(
  packMaskKey: Uint8Array,
  shardIndex: number,
  offset: number,
  bytes: Uint8Array,
  onPiece?: (piece: Uint8Array) => void,
): void {
  if (!Number.isInteger(shardIndex) || shardIndex < 0 || shardIndex >= MAX_SHARDS) {
    throw badArgument(`shard index ${shardIndex}`);
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || offset % BLOCK_BYTES !== 0) {
    throw badArgument(`a mask offset of ${offset}, which is no multiple of ${BLOCK_BYTES}`);
  }
  const counter = Buffer.alloc(BLOCK_BYTES);
  counter.writeBigUInt64BE(BigInt(offset / BLOCK_BYTES), 8);
  const stream = createCipheriv('aes-256-ctr', shardMaskKey(packMaskKey, shardIndex), counter);
  for (let start = 0; start < bytes.length; start += MASK_PIECE_BYTES) {
    const piece = bytes.subarray(start, start + MASK_PIECE_BYTES);
    const masked = stream.update(piece);
    piece.set(masked);
    releaseBuffer(masked);
    onPiece?.(piece);
  }
}
