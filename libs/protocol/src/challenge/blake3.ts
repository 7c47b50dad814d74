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

const state = new Uint32Array(16);
const words = new Uint32Array(16);

/** One quarter round on four words of the state, with two words of the message. */
function mix(a: number, b: number, c: number, d: number, x: number, y: number): void {
  let va = state[a]!;
  let vb = state[b]!;
  let vc = state[c]!;
  let vd = state[d]!;
  va = (va + vb + x) | 0;
  vd ^= va;
  vd = (vd >>> 16) | (vd << 16);
  vc = (vc + vd) | 0;
  vb ^= vc;
  vb = (vb >>> 12) | (vb << 20);
  va = (va + vb + y) | 0;
  vd ^= va;
  vd = (vd >>> 8) | (vd << 24);
  vc = (vc + vd) | 0;
  vb ^= vc;
  vb = (vb >>> 7) | (vb << 25);
  state[a] = va;
  state[b] = vb;
  state[c] = vc;
  state[d] = vd;
}

/** The compression of the message in `words`, cut to 8 words: a chaining value, or a hash if the flags say root. */
function compress(value: ChainingValue, counter: number, blockBytes: number, flags: number): ChainingValue {
  state.set(value);
  state.set(IV.subarray(0, 4), 8);
  state[12] = counter;
  state[13] = 0; // counters of 32 bits are enough: a group has 64 chunks
  state[14] = blockBytes;
  state[15] = flags;
  for (let at = 0; at < SCHEDULE.length; at += 16) {
    mix(0, 4, 8, 12, words[SCHEDULE[at]!]!, words[SCHEDULE[at + 1]!]!);
    mix(1, 5, 9, 13, words[SCHEDULE[at + 2]!]!, words[SCHEDULE[at + 3]!]!);
    mix(2, 6, 10, 14, words[SCHEDULE[at + 4]!]!, words[SCHEDULE[at + 5]!]!);
    mix(3, 7, 11, 15, words[SCHEDULE[at + 6]!]!, words[SCHEDULE[at + 7]!]!);
    mix(0, 5, 10, 15, words[SCHEDULE[at + 8]!]!, words[SCHEDULE[at + 9]!]!);
    mix(1, 6, 11, 12, words[SCHEDULE[at + 10]!]!, words[SCHEDULE[at + 11]!]!);
    mix(2, 7, 8, 13, words[SCHEDULE[at + 12]!]!, words[SCHEDULE[at + 13]!]!);
    mix(3, 4, 9, 14, words[SCHEDULE[at + 14]!]!, words[SCHEDULE[at + 15]!]!);
  }
  const out = new Uint32Array(8);
  for (let index = 0; index < 8; index += 1) out[index] = state[index]! ^ state[index + 8]!;
  return out;
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
