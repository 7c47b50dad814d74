/** Hands out a fixed number of things, first come first served. */
export class Turnstile<T> {
  readonly size: number;
  readonly #free: T[];
  readonly #waiting: ((thing: T) => void)[] = [];

  constructor(things: readonly T[]) {
    this.size = things.length;
    this.#free = [...things];
  }

  async enter(): Promise<T> {
    const thing = this.#free.pop();
    if (thing !== undefined) return thing;
    const { promise, resolve } = Promise.withResolvers<T>();
    this.#waiting.push(resolve);
    return promise;
  }

  leave(thing: T): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(thing);
    else next(thing);
  }
}
