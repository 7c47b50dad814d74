/** A chunk's name: BLAKE3 of its plaintext, keyed with the vault's chunk-id key, so that ids tell outsiders nothing. */
import { Blake3Hasher } from '@napi-rs/blake-hash';
import { checkKey } from './shapes.ts';

/** Hashes a plaintext to its 32-byte id, in a buffer of its own. */
export type ChunkIdHasher = (plaintext: Uint8Array) => Uint8Array;

/** One hasher per thread; it is not re-entrant. */
export function createChunkIdHasher(chunkIdKey: Uint8Array): ChunkIdHasher {
  checkKey('chunk-id key', chunkIdKey);
  // making a native hasher costs 10 µs and more, resetting one (it keeps its key) nearly nothing
  const hasher = Blake3Hasher.newKeyed(Buffer.from(chunkIdKey));
  return (plaintext) => {
    hasher.reset();
    hasher.update(plaintext);
    // by way of hex, as the binding's own buffers are external memory: dear to make, to keep and to collect
    return new Uint8Array(Buffer.from(hasher.digest('hex'), 'hex'));
  };
}
