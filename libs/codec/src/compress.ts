/** zstd (RFC 8878) where it pays, with a cheap look first, and decompression that a hostile frame cannot blow up. */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { damaged, MAX_FRAME_BYTES } from './shapes.ts';

export const DEFAULT_COMPRESSION_LEVEL = 1;
/** Shorter plaintexts are never worth a frame header. */
const MIN_BYTES = 96;
/** From this length on, a sample decides first. */
const SAMPLE_FROM_BYTES = 128 * 1024;
const SAMPLE_BYTES = 32 * 1024;
/** What compression must save to be kept: 3 %. */
const WORTHWHILE = 0.97;
/** A frame that wants a larger window than the largest frame is refused before it is allocated. */
const MAX_WINDOW_LOG = Math.log2(MAX_FRAME_BYTES);

function zstd(plaintext: Uint8Array, level: number): Buffer {
  return zstdCompressSync(plaintext, {
    // One output buffer and tables no larger than the input needs: half of the cost of a small call. Room for what cannot
    // be shrunk (ZSTD_COMPRESSBOUND): then zstd works on the input where it lies, without a copy of its own.
    chunkSize: plaintext.length + (plaintext.length >>> 8) + 64,
    pledgedSrcSize: plaintext.length,
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
}

/** The compressed plaintext as one zstd frame, or undefined where it saves less than 3 %. `level` 0: never. */
export function compress(plaintext: Uint8Array, level: number = DEFAULT_COMPRESSION_LEVEL): Uint8Array | undefined {
  if (level === 0 || plaintext.length < MIN_BYTES) return undefined;
  if (plaintext.length >= SAMPLE_FROM_BYTES) {
    const start = (plaintext.length - SAMPLE_BYTES) >>> 1;
    const sample = zstd(plaintext.subarray(start, start + SAMPLE_BYTES), level);
    if (sample.length > SAMPLE_BYTES * WORTHWHILE) return undefined;
  }
  const compressed = zstd(plaintext, level);
  return compressed.length <= plaintext.length * WORTHWHILE ? compressed : undefined;
}

/**
 * Exactly `plaintextBytes` bytes out of one zstd frame; never allocates much more than that.
 * @throws HoldfastError `codec.damaged`
 */
export function decompress(compressed: Uint8Array, plaintextBytes: number): Uint8Array {
  let plaintext: Buffer;
  try {
    plaintext = zstdDecompressSync(compressed, {
      chunkSize: Math.max(plaintextBytes + 1, 64),
      maxOutputLength: Math.max(plaintextBytes, 1),
      params: { [constants.ZSTD_d_windowLogMax]: MAX_WINDOW_LOG },
    });
  } catch (error) {
    throw damaged('a compressed frame', error instanceof Error ? error.message : 'zstd failed', error);
  }
  if (plaintext.length !== plaintextBytes) {
    throw damaged('a compressed frame', `it holds ${plaintext.length} bytes instead of ${plaintextBytes}`);
  }
  return plaintext;
}
