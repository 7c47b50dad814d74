/**
 * The one canonical encoding of everything that is signed: fixed field order, big-endian numbers, length-prefixed
 * bytes. A value has exactly one encoding, and decoding refuses every other one. Described in docs/protocol.md.
 */
import { fromHex, toHex } from './bytes.ts';

/** Thrown inside decoders; `message.ts` turns it into `message.malformed`. */
export class MalformedError extends Error {}

export class Writer {
  #buffer = Buffer.alloc(256);
  #length = 0;

  #room(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#buffer.length) {
      const grown = Buffer.alloc(Math.max(this.#length, 2 * this.#buffer.length));
      this.#buffer.copy(grown, 0, 0, start);
      this.#buffer = grown;
    }
    return start;
  }
  uint(value: number, byteCount: number): void {
    if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** (8 * byteCount)) {
      throw new MalformedError(`${value} does not fit ${byteCount} bytes`);
    }
    const start = this.#room(byteCount);
    for (let i = byteCount - 1, rest = value; i >= 0; i -= 1, rest = Math.floor(rest / 256))
      this.#buffer[start + i] = rest % 256;
  }
  raw(bytes: Uint8Array): void {
    const start = this.#room(bytes.length);
    this.#buffer.set(bytes, start);
  }
  finish(): Uint8Array {
    return new Uint8Array(this.#buffer.subarray(0, this.#length));
  }
}

export class Reader {
  readonly #bytes: Uint8Array;
  #offset = 0;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  uint(byteCount: number): number {
    let value = 0;
    for (const byte of this.raw(byteCount)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw new MalformedError('a number is too large');
    return value;
  }
  raw(count: number): Uint8Array {
    if (count > this.#bytes.length - this.#offset) throw new MalformedError('it ends too early');
    this.#offset += count;
    return this.#bytes.subarray(this.#offset - count, this.#offset);
  }
  end(): void {
    if (this.#offset !== this.#bytes.length) throw new MalformedError('it has bytes left over');
  }
}

/** How one field is written and read back. */
export interface Field<T> {
  write(writer: Writer, value: T): void;
  read(reader: Reader): T;
}

/** The value type of a field: `ValueOf<typeof grantFields>`. */
export type ValueOf<F> = F extends Field<infer T> ? T : never;

const uint = (byteCount: number): Field<number> => ({
  write: (writer, value) => writer.uint(value, byteCount),
  read: (reader) => reader.uint(byteCount),
});
export const u8 = uint(1);
export const u16 = uint(2);
export const u32 = uint(4);
/** A safe integer (at most 2^53 − 1) in 8 bytes: sizes and times. */
export const u64: Field<number> = {
  write: (writer, value) => {
    if (!Number.isSafeInteger(value)) throw new MalformedError(`${value} is not a safe integer`);
    writer.uint(value, 8);
  },
  read: (reader) => reader.uint(8),
};

/** An amount of money or a price: any non-negative bigint below 2^64. */
export const amount: Field<bigint> = {
  write: (writer, value) => {
    if (value < 0n || value >= 1n << 64n) throw new MalformedError(`${value} does not fit 8 bytes`);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(value);
    writer.raw(bytes);
  },
  read: (reader) => Buffer.from(reader.raw(8)).readBigUInt64BE(),
};

/** Exactly `byteCount` bytes, shown as lower-case hex. */
export const hex = (byteCount: number): Field<string> => ({
  write: (writer, value) => writer.raw(fromHex(value, byteCount)),
  read: (reader) => toHex(reader.raw(byteCount)),
});

/** At most `maxBytes` bytes, length-prefixed. */
export const blob = (maxBytes: number): Field<Uint8Array> => ({
  write: (writer, value) => {
    if (value.length > maxBytes) throw new MalformedError(`${value.length} bytes are more than ${maxBytes}`);
    writer.uint(value.length, 4);
    writer.raw(value);
  },
  read: (reader) => {
    const length = reader.uint(4);
    if (length > maxBytes) throw new MalformedError(`${length} bytes are more than ${maxBytes}`);
    return new Uint8Array(reader.raw(length));
  },
});

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
/** UTF-8 text of at most `maxBytes` bytes. */
export const text = (maxBytes: number): Field<string> => {
  const bytes = blob(maxBytes);
  return {
    write: (writer, value) => {
      if (!value.isWellFormed()) throw new MalformedError('a text is not well formed');
      bytes.write(writer, Buffer.from(value, 'utf8'));
    },
    read: (reader) => {
      try {
        return utf8.decode(bytes.read(reader));
      } catch (error) {
        if (error instanceof MalformedError) throw error;
        throw new MalformedError('a text is not UTF-8');
      }
    },
  };
};

export const list = <T>(item: Field<T>, maxCount: number): Field<T[]> => ({
  write: (writer, values) => {
    if (values.length > maxCount) throw new MalformedError(`${values.length} entries are more than ${maxCount}`);
    writer.uint(values.length, 4);
    for (const value of values) item.write(writer, value);
  },
  read: (reader) => {
    const count = reader.uint(4);
    if (count > maxCount) throw new MalformedError(`${count} entries are more than ${maxCount}`);
    return Array.from({ length: count }, () => item.read(reader));
  },
});

/** One of `names`, written as its place in the list, from 1. */
export const choice = <const Name extends string>(...names: Name[]): Field<Name> => ({
  write: (writer, value) => {
    const place = names.indexOf(value);
    if (place < 0) throw new MalformedError(`"${value}" is none of ${names.join(', ')}`);
    writer.uint(place + 1, 1);
  },
  read: (reader) => {
    const name = names[reader.uint(1) - 1];
    if (name === undefined) throw new MalformedError(`a value is none of ${names.join(', ')}`);
    return name;
  },
});

/** A record: its fields in the order given. */
export const record = <Shape extends Record<string, Field<never> | Field<unknown>>>(
  shape: Shape,
): Field<{ [Key in keyof Shape]: ValueOf<Shape[Key]> }> => {
  const fields = Object.entries(shape) as [string, Field<unknown>][];
  return {
    write: (writer, value) => {
      for (const [name, field] of fields) field.write(writer, (value as Record<string, unknown>)[name]);
    },
    read: (reader) =>
      Object.fromEntries(fields.map(([name, field]) => [name, field.read(reader)])) as {
        [Key in keyof Shape]: ValueOf<Shape[Key]>;
      },
  };
};
