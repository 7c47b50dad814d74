/**
 * Keeps a thread small that makes much short-lived memory outside of V8's heap: outputs of ciphers, records of TLS
 * connections. V8 counts it but frees it only with the young generation, which fills slowly, as so little of that stands
 * for so much: so V8 marks its whole heap instead, again and again (40 % of an upload's CPU in a storage node, a third of
 * a restore's). A minor collection every few megabytes costs half a millisecond, and keeps used memory in the cache.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { readonly type: 'minor' }) => void;

export class YoungGarbage {
  readonly #everyBytes: number;
  #collect: Collect | undefined;
  #bytes = 0;

  /** @param everyBytes of garbage between two collections. */
  constructor(everyBytes: number) {
    this.#everyBytes = everyBytes;
  }

  /** So many bytes of buffers were made or arrived, and were let go. */
  add(sizeBytes: number): void {
    this.#bytes += sizeBytes;
    if (this.#bytes < this.#everyBytes) return;
    this.#bytes = 0;
    this.#collect ??= findCollector();
    this.#collect({ type: 'minor' });
  }
}

/** The flag is looked at when a context is made. It stays set: all threads share it, and one may just be making its own. */
function findCollector(): Collect {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as Collect;
}
