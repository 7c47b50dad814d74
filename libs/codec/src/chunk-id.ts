/** A chunk's name: BLAKE3 of its plaintext, keyed with the vault's chunk-id key, so that ids tell outsiders nothing. */
import { Blake3Hasher } from '@napi-rs/blake-hash';
import { checkKey } from './shapes.ts';

/** Hashes a plaintext to its 32-byte id, in a buffer of its own. */
export type ChunkIdHasher = (plaintext: Uint8Array) => Uint8Array;

/** One hasher per thread; it is not re-entrant. */
export function createChunkIdHasher(chunkIdKey: Uint8Array): ChunkIdHasher {
  checkKey('chunk-id key', chunkIdKey);
  const key = Buffer.from(chunkIdKey);
  return (plaintext) => new Uint8Array(Blake3Hasher.newKeyed(key).update(plaintext).digestBuffer());
}
