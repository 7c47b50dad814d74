/**
 * What lstat said of each entry of a page, as bytes that are compared as a whole: a page whose bytes are the same again
 * needs neither decoding nor reading. One record: name length (2), name, size, mtime, ctime, inode, mode (8 each). Not the
 * device: its number changes with every boot on some systems, and a ctime to the nanosecond says more.
 */
import { type ByteString, fromBytes } from './byte-string.ts';
import type { FileStat } from './file-stat.ts';

const NUMBERS_BYTES = 40;

export class IdentityWriter {
  #bytes = Buffer.allocUnsafe(4096);
  #length = 0;

  /** @param isCertain false: the entry must never look unchanged (it was just written to, or could not be read). */
  add(name: ByteString, stat: FileStat, isCertain: boolean): void {
    const needed = this.#length + 2 + name.length + NUMBERS_BYTES;
    if (needed > this.#bytes.length) {
      const grown = Buffer.allocUnsafe(2 * needed);
      this.#bytes.copy(grown, 0, 0, this.#length);
      this.#bytes = grown;
    }
    let at = this.#bytes.writeUInt16LE(name.length, this.#length);
    at += this.#bytes.write(name, at, 'latin1');
    at = this.#bytes.writeBigUInt64LE(BigInt(stat.sizeBytes), at);
    at = this.#bytes.writeBigInt64LE(stat.mtimeNs, at);
    at = this.#bytes.writeBigInt64LE(isCertain ? stat.ctimeNs : UNCERTAIN, at);
    at = this.#bytes.writeBigUInt64LE(stat.ino, at);
    this.#length = this.#bytes.writeBigUInt64LE(BigInt(stat.mode), at);
  }

  /** A copy of what was added. */
  bytes(): Buffer {
    return Buffer.from(this.#bytes.subarray(0, this.#length));
  }
}

/** No file has it: the least number that 64 bits hold. */
const UNCERTAIN = -(2n ** 63n);

export interface Identity {
  readonly name: ByteString;
  readonly sizeBytes: bigint;
  readonly mtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly ino: bigint;
}

export function* readIdentities(bytes: Uint8Array): IterableIterator<Identity> {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < view.length;) {
    const end = at + 2 + view.readUInt16LE(at);
    yield {
      name: fromBytes(view.subarray(at + 2, end)),
      sizeBytes: view.readBigUInt64LE(end),
      mtimeNs: view.readBigInt64LE(end + 8),
      ctimeNs: view.readBigInt64LE(end + 16),
      ino: view.readBigUInt64LE(end + 24),
    };
    at = end + NUMBERS_BYTES;
  }
}

/** Nothing wrote to the file since, as far as its inode tells. */
export const isSameFile = (known: Identity, stat: FileStat): boolean =>
  known.ctimeNs === stat.ctimeNs &&
  known.mtimeNs === stat.mtimeNs &&
  known.sizeBytes === BigInt(stat.sizeBytes) &&
  known.ino === stat.ino;
