/**
 * Keeps a thread small that makes much short-lived memory outside of V8's heap: every call of a cipher returns a new
 * buffer, and V8 lets a hundred megabytes of them gather before it looks. A minor collection every few megabytes costs
 * a fraction of a millisecond, spares major ones (a third of a restore's CPU time), and keeps used memory in the cache.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { keepFreedBlocks } from '../pipeline/malloc.ts';

/** Between two collections. */
const COLLECT_EVERY_BYTES = 4 * 1024 * 1024;

type Collect = (options: { type: 'minor' }) => void;

export class Garbage {
  readonly #collect: Collect;
  #bytes = 0;

  constructor() {
    setFlagsFromString('--expose-gc');
    this.#collect = runInNewContext('gc') as Collect;
    keepFreedBlocks();
  }

  /** So many bytes of buffers were made and dropped. */
  add(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#bytes < COLLECT_EVERY_BYTES) return;
    this.#bytes = 0;
    this.#collect({ type: 'minor' });
  }
}
