/** Unbiased numbers out of a seed, the same in every implementation: SHA-256 in counter mode, with rejection. */
import { createHash, hash } from 'node:crypto';
import { badArgument } from './merkle-tree.ts';

const DRAW_BYTES = 8;
/** Numbers are the lowest 53 bits of 8 bytes. */
const RANGE = 2 ** 53;

export const sha256 = (...parts: (Uint8Array | string)[]): Uint8Array<ArrayBuffer> => {
  const hashing = createHash('sha256');
  for (const part of parts) hashing.update(part);
  return new Uint8Array(hashing.digest());
};

/** Big-endian. */
export const u64Bytes = (value: number): Uint8Array => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(value));
  return bytes;
};

/** A stream of draws: block i is SHA-256(seed ‖ u32 i), and each block gives four numbers. */
export class DrawStream {
  /** The seed, and behind it the number of the next block. */
  readonly #input: Buffer;
  #block = Buffer.alloc(0);
  #at = 0;
  #counter = 0;

  constructor(seed: Uint8Array) {
    this.#input = Buffer.alloc(seed.length + 4);
    this.#input.set(seed);
  }

  #next(): number {
    if (this.#at === this.#block.length) {
      this.#input.writeUInt32BE(this.#counter, this.#input.length - 4);
      this.#block = hash('sha256', this.#input, 'buffer');
      this.#counter += 1;
      this.#at = 0;
    }
    const high = this.#block.readUInt32BE(this.#at) % 2 ** 21;
    const low = this.#block.readUInt32BE(this.#at + 4);
    this.#at += DRAW_BYTES;
    return high * 2 ** 32 + low;
  }

  /** A number from 0 up to and without `bound`, each equally likely. The expected number of tries is below 2. */
  below(bound: number): number {
    if (!Number.isSafeInteger(bound) || bound < 1) throw badArgument(`a draw below ${bound}.`);
    const fair = RANGE - (RANGE % bound);
    for (;;) {
      const number = this.#next();
      if (number < fair) return number % bound;
    }
  }
}
