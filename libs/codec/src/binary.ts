/** Writing and reading the format's records: big-endian numbers, length-prefixed bytes, bounds on everything. */
import { badArgument, damaged } from './shapes.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** A growing buffer. A value out of range is the caller's mistake: `codec.bad-argument`. */
export class ByteWriter {
  readonly #what: string;
  #bytes: Buffer;
  #length = 0;

  constructor(what: string, initialBytes = 512) {
    this.#what = what;
    this.#bytes = Buffer.allocUnsafeSlow(initialBytes);
  }
  get length(): number {
    return this.#length;
  }
  #room(count: number): number {
    const start = this.#length;
    this.#length += count;
    if (this.#length > this.#bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(this.#length, 2 * this.#bytes.length));
      this.#bytes.copy(grown, 0, 0, start);
      this.#bytes = grown;
    }
    return start;
  }
  /** Refuses a value of this record. */
  refuse(detail: string): never {
    throw badArgument(`${this.#what}: ${detail}`);
  }
  #whole(value: number, limit: number): void {
    if (!Number.isSafeInteger(value) || value < 0 || value > limit) this.refuse(`${value} is not from 0 to ${limit}`);
  }
  u8(value: number): void {
    this.#whole(value, 0xff);
    // the place first: making room may replace the buffer
    const at = this.#room(1);
    this.#bytes[at] = value;
  }
  u16(value: number): void {
    this.#whole(value, 0xffff);
    const at = this.#room(2);
    this.#bytes.writeUInt16BE(value, at);
  }
  u32(value: number): void {
    this.#whole(value, 0xffff_ffff);
    const at = this.#room(4);
    this.#bytes.writeUInt32BE(value, at);
  }
  /** A safe integer in 8 bytes. */
  u64(value: number): void {
    this.#whole(value, Number.MAX_SAFE_INTEGER);
    const at = this.#room(8);
    this.#bytes.writeUInt32BE(Math.floor(value / 2 ** 32), at);
    this.#bytes.writeUInt32BE(value % 2 ** 32, at + 4);
  }
  i64(value: bigint): void {
    if (value !== BigInt.asIntN(64, value)) this.refuse(`${value} does not fit 64 bits`);
    const at = this.#room(8);
    this.#bytes.writeBigInt64BE(value, at);
  }
  raw(bytes: Uint8Array, expectedLength = bytes.length): void {
    if (bytes.length !== expectedLength) this.refuse(`${bytes.length} bytes instead of ${expectedLength}`);
    const at = this.#room(bytes.length);
    this.#bytes.set(bytes, at);
  }
  /** Lower-case hex of exactly `byteCount` bytes. */
  hex(text: string, byteCount: number): void {
    if (text.length !== 2 * byteCount || !/^[0-9a-f]*$/.test(text)) this.refuse(`not ${2 * byteCount} hex digits`);
    const at = this.#room(byteCount);
    this.#bytes.write(text, at, 'hex');
  }
  /** Bytes after their length in `lengthBytes` bytes (1, 2 or 4). */
  prefixed(bytes: Uint8Array, lengthBytes: 1 | 2 | 4, maxBytes: number): void {
    if (bytes.length > maxBytes) this.refuse(`${bytes.length} bytes are more than ${maxBytes}`);
    if (lengthBytes === 1) this.u8(bytes.length);
    else if (lengthBytes === 2) this.u16(bytes.length);
    else this.u32(bytes.length);
    this.raw(bytes);
  }
  /** UTF-8 of at most 255 bytes after its length in one byte. */
  text(value: string): void {
    if (!value.isWellFormed()) this.refuse('a text is not well formed');
    this.prefixed(Buffer.from(value, 'utf8'), 1, 255);
  }
  /** Overwrites four bytes written before, when a length becomes known. */
  patchU32(at: number, value: number): void {
    this.#bytes.writeUInt32BE(value, at);
  }
  /** What was written, in a buffer of its own; the writer is empty afterwards. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#length);
    taken.set(this.#bytes.subarray(0, this.#length));
    this.#length = 0;
    return taken;
  }
}

/** Reads one record. Whatever does not fit is `codec.damaged`; lengths are checked before anything is allocated. */
export class ByteReader {
  readonly #what: string;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(what: string, bytes: Uint8Array) {
    this.#what = what;
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  }
  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }
  refuse(detail: string): never {
    throw damaged(this.#what, detail);
  }
  #take(count: number): number {
    if (count > this.#bytes.length - this.#offset) this.refuse('it ends too early');
    this.#offset += count;
    return this.#offset - count;
  }
  u8(): number {
    return this.#bytes[this.#take(1)]!;
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2));
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4));
  }
  u64(): number {
    const at = this.#take(8);
    const value = this.#view.getUint32(at) * 2 ** 32 + this.#view.getUint32(at + 4);
    if (!Number.isSafeInteger(value)) this.refuse('a number is above 2^53 − 1');
    return value;
  }
  i64(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }
  /** A view of the next bytes. */
  raw(count: number): Uint8Array {
    const at = this.#take(count);
    return this.#bytes.subarray(at, at + count);
  }
  hex(byteCount: number): string {
    const bytes = this.raw(byteCount);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
  }
  prefixed(lengthBytes: 1 | 2 | 4, maxBytes: number): Uint8Array {
    const length = lengthBytes === 1 ? this.u8() : lengthBytes === 2 ? this.u16() : this.u32();
    if (length > maxBytes) this.refuse(`${length} bytes are more than ${maxBytes}`);
    return this.raw(length);
  }
  text(): string {
    const bytes = this.prefixed(1, 255);
    try {
      return utf8.decode(bytes);
    } catch {
      return this.refuse('a text is not UTF-8');
    }
  }
  end(): void {
    if (this.remaining !== 0) this.refuse('it has bytes left over');
  }
}
