/** Parameters of the content-defined chunker and its published table. Section "Chunker" of docs/format.md. */
import { createHash } from 'node:crypto';

/** No chunk but the last of a stream is shorter. */
export const CHUNK_MIN_BYTES = 256 * 1024;
/** Up to this length a boundary must meet the strict mask, from here on the loose one. */
export const CHUNK_NORMAL_BYTES = 1024 * 1024;
/** No chunk is longer. */
export const CHUNK_MAX_BYTES = 4 * 1024 * 1024;
export const GEAR_TABLE_LENGTH = 256;

/** The 22 highest bits: one position in 4 Mi is a boundary before the normal length. */
export const STRICT_MASK = 0xffff_fc00_0000_0000n;
/** The 18 highest bits: one position in 256 Ki is a boundary from the normal length on. */
export const LOOSE_MASK = 0xffff_c000_0000_0000n;

/**
 * The table without a key, for tests and vectors: a vault uses one derived from its keys, so that chunk lengths do not
 * tell which files it holds. Entry b = the first 8 bytes, little-endian, of SHA-256("holdfast gear v1" ‖ b).
 */
export function publishedGearTable(): BigUint64Array {
  return BigUint64Array.from({ length: GEAR_TABLE_LENGTH }, (_, byte) =>
    createHash('sha256').update('holdfast gear v1').update(Uint8Array.of(byte)).digest().readBigUInt64LE(0),
  );
}
