/**
 * Which chunk lies in which pack, and as its which chunk, for lookups: an open-addressing table in typed arrays. Ids are keyed
 * hashes, so their first bytes serve as the hash, and 16 bytes of them as the key (two of 2^40 chunks collide with
 * probability 2^-49). Memory: 24 bytes a slot, at most 48 MB for a million chunks.
 */
const KEY_WORDS = 4;
const WORDS = 6;
/** A slot's pack number + 1; 0: empty. */
const PACK_WORD = 4;
const CHUNK_WORD = 5;
const MAX_LOAD = 0.75;

export interface ChunkNumber {
  readonly packNumber: number;
  readonly chunk: number;
}

export class ChunkIndex {
  #slots: Uint32Array;
  #capacity: number;
  #count = 0;

  constructor(expectedCount = 0) {
    this.#capacity = capacityFor(expectedCount);
    this.#slots = new Uint32Array(this.#capacity * WORDS);
  }

  get count(): number {
    return this.#count;
  }

  /** The first place that was set for an id stays. @param ids bytes with an id at `offset`. */
  set(ids: Uint8Array, offset: number, place: ChunkNumber): void {
    if (this.#count >= this.#capacity * MAX_LOAD) this.#grow();
    const key = readKey(ids, offset);
    const slot = this.#slotOf(key);
    if (this.#slots[slot + PACK_WORD] !== 0) return;
    this.#slots.set(key, slot);
    this.#slots[slot + PACK_WORD] = place.packNumber + 1;
    this.#slots[slot + CHUNK_WORD] = place.chunk;
    this.#count += 1;
  }

  find(id: Uint8Array): ChunkNumber | undefined {
    const slot = this.#slotOf(readKey(id, 0));
    const pack = this.#slots[slot + PACK_WORD]!;
    return pack === 0 ? undefined : { packNumber: pack - 1, chunk: this.#slots[slot + CHUNK_WORD]! };
  }

  /** The slot that holds the key, or the empty one where it would go. */
  #slotOf(key: Uint32Array): number {
    const slots = this.#slots;
    for (let at = key[0]! % this.#capacity; ; at = at + 1 === this.#capacity ? 0 : at + 1) {
      const slot = at * WORDS;
      if (slots[slot + PACK_WORD] === 0) return slot;
      let word = 0;
      while (word < KEY_WORDS && slots[slot + word] === key[word]) word += 1;
      if (word === KEY_WORDS) return slot;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#capacity *= 2;
    this.#slots = new Uint32Array(this.#capacity * WORDS);
    for (let slot = 0; slot < old.length; slot += WORDS) {
      if (old[slot + PACK_WORD] === 0) continue;
      const entry = old.subarray(slot, slot + WORDS);
      this.#slots.set(entry, this.#slotOf(entry.subarray(0, KEY_WORDS)));
    }
  }
}

const capacityFor = (count: number): number => Math.max(1024, Math.ceil((count + 1) / MAX_LOAD));

const scratch = new Uint32Array(KEY_WORDS);

function readKey(bytes: Uint8Array, offset: number): Uint32Array {
  for (let word = 0; word < KEY_WORDS; word += 1) {
    const at = offset + 4 * word;
    scratch[word] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
  }
  return scratch;
}
