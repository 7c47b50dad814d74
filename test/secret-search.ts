/** Looks for secrets in bytes: as they are, as hex and as base64 at any place of a longer text; all of them in one pass. */

interface Pattern {
  readonly name: string;
  readonly bytes: Buffer;
}

const PREFIX_BYTES = 3;

export class SecretSearch {
  /** By their first three bytes. */
  readonly #patterns = new Map<number, Pattern[]>();
  readonly #prefixes = new Uint8Array(2 ** (8 * PREFIX_BYTES));

  /** @param secrets by what a finding shall be called; each eight bytes or more */
  constructor(secrets: Readonly<Record<string, string | Uint8Array>>) {
    for (const [name, secret] of Object.entries(secrets)) {
      const bytes = Buffer.from(secret as Uint8Array);
      if (bytes.length < 8) throw new RangeError(`${name} is so short that it may be found by chance`);
      for (const form of formsOf(bytes)) this.#add({ name, bytes: form });
    }
  }

  /** The names of the secrets that are in there, whatever their form. */
  find(haystack: Uint8Array): string[] {
    const found = new Set<string>();
    const bytes = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.length);
    let prefix = 0;
    for (let at = 0; at < bytes.length; at += 1) {
      prefix = ((prefix << 8) | bytes[at]!) & 0xffffff;
      if (this.#prefixes[prefix] === 0) continue;
      const from = at + 1 - PREFIX_BYTES;
      for (const { name, bytes: wanted } of this.#patterns.get(prefix)!) {
        if (from >= 0 && bytes.subarray(from, from + wanted.length).equals(wanted)) found.add(name);
      }
    }
    return [...found];
  }

  #add(pattern: Pattern): void {
    const prefix = pattern.bytes.readUIntBE(0, PREFIX_BYTES);
    this.#prefixes[prefix] = 1;
    this.#patterns.set(prefix, [...(this.#patterns.get(prefix) ?? []), pattern]);
  }
}

function formsOf(bytes: Buffer): Buffer[] {
  const hex = bytes.toString('hex');
  const texts = [hex, hex.toUpperCase()];
  for (const shift of [0, 1, 2]) {
    const base64 = base64At(bytes, shift);
    texts.push(base64, base64.replaceAll('+', '-').replaceAll('/', '_'));
  }
  return [bytes, ...new Set(texts)].map((form) => Buffer.from(form as Uint8Array));
}

/** What of the base64 text does not depend on the bytes around, when `shift` bytes of a group of three go before. */
function base64At(bytes: Buffer, shift: number): string {
  const spoiledFirst = [0, 2, 3][shift]!;
  const text = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString('base64')
    .replaceAll('=', '');
  const isWhole = (shift + bytes.length) % 3 === 0;
  return text.slice(spoiledFirst, isWhole ? text.length : -1);
}
