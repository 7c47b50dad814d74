/** Numbers that all threads add to and the main thread shows: no message per file. */

const NAMES = ['filesRead', 'bytesRead', 'newBytes', 'sealedBytes', 'storedBytes', 'stopped'] as const;
export type CounterName = (typeof NAMES)[number];

export class Counters {
  readonly buffer: SharedArrayBuffer;
  readonly #values: BigInt64Array;

  constructor(buffer = new SharedArrayBuffer(8 * NAMES.length)) {
    this.buffer = buffer;
    this.#values = new BigInt64Array(buffer);
  }

  add(name: CounterName, count: number): void {
    Atomics.add(this.#values, NAMES.indexOf(name), BigInt(count));
  }

  get(name: CounterName): number {
    return Number(Atomics.load(this.#values, NAMES.indexOf(name)));
  }
}
