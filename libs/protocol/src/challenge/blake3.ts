/**
 * BLAKE3's compression function and the tree inside one 64 KiB group, for what the native binding does not show:
 * chaining values. From the BLAKE3 paper, section 2. Slow; whole groups are hashed natively (merkle.ts).
 */

/** The paper's "chunk": the leaves of BLAKE3's own tree, and of our proofs. */
export const LEAF_BYTES = 1024;
const BLOCK_BYTES = 64;

const CHUNK_START = 1;
const CHUNK_END = 2;
const PARENT = 4;
const ROOT = 8;
const DERIVE_KEY_CONTEXT = 32;
const DERIVE_KEY_MATERIAL = 64;

/** A chaining value: 8 words. */
export type ChainingValue = Uint32Array<ArrayBuffer>;

const IV: ChainingValue = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
/** Table 2 of the paper: how the message words change places between rounds. */
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8];
const ROUNDS = 7;
/** For each of the 7 × 8 quarter rounds, the places of its two message words. */
const SCHEDULE = Uint8Array.from(
  Array.from({ length: ROUNDS })
    .reduce<number[][]>(
      (rows) => [...rows, PERMUTATION.map((place) => rows.at(-1)![place]!)],
      [[...PERMUTATION.keys()]],
    )
    .slice(0, ROUNDS)
    .flat(),
);

/** The message; signed, so that the engine keeps it in 32-bit integers. */
const words = new Int32Array(16);

const rotate = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/**
 * The compression of the message in `words`, cut to 8 words: a chaining value, or a hash if the flags say root. The eight
 * quarter rounds are written out: twice as fast as over a state in an array.
 */
function compress(value: ChainingValue, counter: number, blockBytes: number, flags: number): ChainingValue {
  let s0 = value[0]! | 0;
  let s1 = value[1]! | 0;
  let s2 = value[2]! | 0;
  let s3 = value[3]! | 0;
  let s4 = value[4]! | 0;
  let s5 = value[5]! | 0;
  let s6 = value[6]! | 0;
  let s7 = value[7]! | 0;
  let s8 = IV[0]! | 0;
  let s9 = IV[1]! | 0;
  let s10 = IV[2]! | 0;
  let s11 = IV[3]! | 0;
  let s12 = counter;
  let s13 = 0; // counters of 32 bits are enough: a group has 64 chunks
  let s14 = blockBytes;
  let s15 = flags;
  for (let at = 0; at < SCHEDULE.length; at += 16) {
    s0 = (s0 + s4 + words[SCHEDULE[at]!]!) | 0;
    s12 = rotate(s12 ^ s0, 16);
    s8 = (s8 + s12) | 0;
    s4 = rotate(s4 ^ s8, 12);
    s0 = (s0 + s4 + words[SCHEDULE[at + 1]!]!) | 0;
    s12 = rotate(s12 ^ s0, 8);
    s8 = (s8 + s12) | 0;
    s4 = rotate(s4 ^ s8, 7);
    s1 = (s1 + s5 + words[SCHEDULE[at + 2]!]!) | 0;
    s13 = rotate(s13 ^ s1, 16);
    s9 = (s9 + s13) | 0;
    s5 = rotate(s5 ^ s9, 12);
    s1 = (s1 + s5 + words[SCHEDULE[at + 3]!]!) | 0;
    s13 = rotate(s13 ^ s1, 8);
    s9 = (s9 + s13) | 0;
    s5 = rotate(s5 ^ s9, 7);
    s2 = (s2 + s6 + words[SCHEDULE[at + 4]!]!) | 0;
    s14 = rotate(s14 ^ s2, 16);
    s10 = (s10 + s14) | 0;
    s6 = rotate(s6 ^ s10, 12);
    s2 = (s2 + s6 + words[SCHEDULE[at + 5]!]!) | 0;
    s14 = rotate(s14 ^ s2, 8);
    s10 = (s10 + s14) | 0;
    s6 = rotate(s6 ^ s10, 7);
    s3 = (s3 + s7 + words[SCHEDULE[at + 6]!]!) | 0;
    s15 = rotate(s15 ^ s3, 16);
    s11 = (s11 + s15) | 0;
    s7 = rotate(s7 ^ s11, 12);
    s3 = (s3 + s7 + words[SCHEDULE[at + 7]!]!) | 0;
    s15 = rotate(s15 ^ s3, 8);
    s11 = (s11 + s15) | 0;
    s7 = rotate(s7 ^ s11, 7);
    s0 = (s0 + s5 + words[SCHEDULE[at + 8]!]!) | 0;
    s15 = rotate(s15 ^ s0, 16);
    s10 = (s10 + s15) | 0;
    s5 = rotate(s5 ^ s10, 12);
    s0 = (s0 + s5 + words[SCHEDULE[at + 9]!]!) | 0;
    s15 = rotate(s15 ^ s0, 8);
    s10 = (s10 + s15) | 0;
    s5 = rotate(s5 ^ s10, 7);
    s1 = (s1 + s6 + words[SCHEDULE[at + 10]!]!) | 0;
    s12 = rotate(s12 ^ s1, 16);
    s11 = (s11 + s12) | 0;
    s6 = rotate(s6 ^ s11, 12);
    s1 = (s1 + s6 + words[SCHEDULE[at + 11]!]!) | 0;
    s12 = rotate(s12 ^ s1, 8);
    s11 = (s11 + s12) | 0;
    s6 = rotate(s6 ^ s11, 7);
    s2 = (s2 + s7 + words[SCHEDULE[at + 12]!]!) | 0;
    s13 = rotate(s13 ^ s2, 16);
    s8 = (s8 + s13) | 0;
    s7 = rotate(s7 ^ s8, 12);
    s2 = (s2 + s7 + words[SCHEDULE[at + 13]!]!) | 0;
    s13 = rotate(s13 ^ s2, 8);
    s8 = (s8 + s13) | 0;
    s7 = rotate(s7 ^ s8, 7);
    s3 = (s3 + s4 + words[SCHEDULE[at + 14]!]!) | 0;
    s14 = rotate(s14 ^ s3, 16);
    s9 = (s9 + s14) | 0;
    s4 = rotate(s4 ^ s9, 12);
    s3 = (s3 + s4 + words[SCHEDULE[at + 15]!]!) | 0;
    s14 = rotate(s14 ^ s3, 8);
    s9 = (s9 + s14) | 0;
    s4 = rotate(s4 ^ s9, 7);
  }
  return Uint32Array.of(s0 ^ s8, s1 ^ s9, s2 ^ s10, s3 ^ s11, s4 ^ s12, s5 ^ s13, s6 ^ s14, s7 ^ s15);
}

/** Little-endian words of at most 64 bytes from `at`, the rest zero; returns how many bytes there were. */
function loadBlock(bytes: Uint8Array, at: number): number {
  const count = Math.min(bytes.length - at, BLOCK_BYTES);
  if (count < BLOCK_BYTES) words.fill(0);
  if (count === BLOCK_BYTES) {
    for (let index = 0; index < 16; index += 1, at += 4) {
      words[index] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    }
    return count;
  }
  for (let index = 0; index < count; index += 1) words[index >> 2]! |= bytes[at + index]! << (8 * (index & 3));
  return count;
}

/**
 * The chaining value of one chunk of up to 1024 bytes (paper, 2.4).
 * @param counter place of the chunk in its input, from 0.
 */
export function chunkValue(bytes: Uint8Array, counter: number, isRoot = false, key = IV, mode = 0): ChainingValue {
  let value = key;
  let at = 0;
  do {
    const count = loadBlock(bytes, at);
    const isLast = at + count >= bytes.length;
    const flags = (at === 0 ? CHUNK_START : 0) | (isLast ? CHUNK_END : 0) | (isLast && isRoot ? ROOT : 0);
    value = compress(value, counter, count, flags | mode);
    at += BLOCK_BYTES;
  } while (at < bytes.length);
  return value;
}

/** The chaining value of a parent node (paper, 2.5). */
export function parentValue(left: ChainingValue, right: ChainingValue, isRoot = false): ChainingValue {
  words.set(left, 0);
  words.set(right, 8);
  return compress(IV, 0, BLOCK_BYTES, PARENT | (isRoot ? ROOT : 0));
}

/** The key of the derive-key mode for a context string of up to 1024 bytes (paper, 2.3). */
export const contextKey = (context: string): ChainingValue =>
  chunkValue(Buffer.from(context), 0, true, IV, DERIVE_KEY_CONTEXT);

/** derive_key(context, material) for up to 1024 bytes of material, given the context's key. */
export const deriveKey = (key: ChainingValue, material: Uint8Array): ChainingValue =>
  chunkValue(material, 0, true, key, DERIVE_KEY_MATERIAL);

export function valueToBytes(value: ChainingValue): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(32);
  const view = new DataView(bytes.buffer);
  value.forEach((word, index) => view.setUint32(4 * index, word, true));
  return bytes;
}

export function valueFromBytes(bytes: Uint8Array): ChainingValue {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 32);
  return Uint32Array.from({ length: 8 }, (_, index) => view.getUint32(4 * index, true));
}
