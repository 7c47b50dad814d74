/**
 * Keeps a thread small that makes much short-lived memory outside of V8's heap: every call of a cipher returns a new
 * buffer, and V8 lets a hundred megabytes of them gather before it looks. A minor collection every few megabytes costs
 * a fraction of a millisecond, spares the major ones, and (measured) makes the ciphers faster: memory is used again
 * while it is in the cache.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Between two collections. */
const COLLECT_EVERY_BYTES = 4 * 1024 * 1024;
/**
 * glibc hands blocks above a threshold back to the kernel at each free, and page faults then cost more than the
 * ciphers. The threshold follows the largest block that was ever freed: one such block, freed once, sets it.
 */
const LARGEST_BLOCK_BYTES = 16 * 1024 * 1024;

type Collect = (options: { type: 'minor' }) => void;

export class Garbage {
  readonly #collect: Collect;
  #bytes = 0;

  constructor() {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as Collect & (() => void);
    Buffer.allocUnsafeSlow(LARGEST_BLOCK_BYTES);
    collect();
    this.#collect = collect;
  }

  /** So many bytes of buffers were made and dropped. */
  add(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#bytes < COLLECT_EVERY_BYTES) return;
    this.#bytes = 0;
    this.#collect({ type: 'minor' });
  }
}
