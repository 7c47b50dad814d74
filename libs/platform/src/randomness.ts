/** Randomness as an argument: the system's, and a seeded one for tests and simulations. */
import { createCipheriv, createHash, randomFillSync } from 'node:crypto';

export interface Randomness {
  /** `n` fresh bytes in a buffer of their own. */
  bytes(n: number): Uint8Array<ArrayBuffer>;
}

export interface SeededRandomness extends Randomness {
  /** Print it when a simulation fails: the same seed gives the same bytes again. */
  readonly seed: string;
}

/** The operating system's cryptographic generator. */
export const systemRandomness: Randomness = {
  bytes: (n) => randomFillSync(new Uint8Array(n)),
};

/** The AES-256-CTR key stream under SHA-256(seed). Never for real keys. */
export function createSeededRandomness(seed: string | number): SeededRandomness {
  const text = String(seed);
  const key = createHash('sha256').update('holdfast seeded randomness\0').update(text).digest();
  const stream = createCipheriv('aes-256-ctr', key, Buffer.alloc(16));
  return {
    seed: text,
    bytes: (n) => new Uint8Array(stream.update(Buffer.alloc(n))),
  };
}

/** A uniform integer in [0, bound), without modulo bias. `bound` is from 1 to 2^48. */
export function randomIntBelow(randomness: Randomness, bound: number): number {
  if (!Number.isSafeInteger(bound) || bound < 1 || bound > 2 ** 48) {
    throw new RangeError(`bound must be an integer from 1 to 2^48, not ${bound}`);
  }
  const limit = 2 ** 48 - (2 ** 48 % bound);
  for (;;) {
    const bytes = randomness.bytes(6);
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, 6).readUIntBE(0, 6);
    if (value < limit) return value % bound;
  }
}
