/** A directory's listing: entries in the order of their names' bytes, as a stream that never needs to be in memory whole. */
import { ByteReader, ByteWriter } from './binary.ts';
import { type FileMeta, readFileMeta, writeFileMeta } from './file-meta.ts';
import { damaged, unsupportedVersion } from './shapes.ts';

export const TREE_VERSION = 1;
/** One entry at most, so that a reader needs no more than this beside the chunk at hand. */
export const MAX_TREE_ENTRY_BYTES = 1024 * 1024;
export const MAX_NAME_BYTES = 4096;

export interface TreeEntry extends FileMeta {
  /** 1–4096 bytes without `/` and NUL, and not `.` or `..`. */
  readonly name: Uint8Array;
}

const SLASH = 0x2f;
const DOT = 0x2e;

/** Whether the bytes can be the name of an entry: anything but what would lead out of its directory. */
export function isEntryName(name: Uint8Array): boolean {
  if (name.length === 0 || name.length > MAX_NAME_BYTES) return false;
  if (name[0] === DOT && (name.length === 1 || (name.length === 2 && name[1] === DOT))) return false;
  return !name.includes(SLASH) && !name.includes(0);
}

/** Orders names by their unsigned bytes, as trees do. */
export const compareNames = (a: Uint8Array, b: Uint8Array): number => Buffer.compare(a, b);

/** Encodes a directory's listing piece by piece. */
export class TreeEncoder {
  readonly #writer = new ByteWriter('a tree entry', 4096);
  #lastName: Uint8Array | undefined;

  constructor() {
    this.#writer.u8(TREE_VERSION);
  }

  /** Names must ascend strictly. @throws HoldfastError `codec.bad-argument`; the encoder is of no use afterwards */
  add(entry: TreeEntry): void {
    const writer = this.#writer;
    if (!isEntryName(entry.name)) writer.refuse('an impossible name');
    if (this.#lastName !== undefined && compareNames(this.#lastName, entry.name) >= 0)
      writer.refuse('names out of order');
    this.#lastName = entry.name.slice();
    const start = writer.length;
    writer.u32(0);
    writer.prefixed(entry.name, 2, MAX_NAME_BYTES);
    writeFileMeta(writer, entry);
    const lengthBytes = writer.length - start - 4;
    if (lengthBytes > MAX_TREE_ENTRY_BYTES) writer.refuse(`${lengthBytes} bytes are more than ${MAX_TREE_ENTRY_BYTES}`);
    writer.patchU32(start, lengthBytes);
  }

  /** Bytes encoded and not taken yet. */
  get pendingBytes(): number {
    return this.#writer.length;
  }

  /** Bytes encoded since the last call, in a buffer of their own; joined, the pieces are the tree. */
  take(): Uint8Array {
    return this.#writer.take();
  }
}

/** Decodes a tree piece by piece; `push` any cut of the bytes. */
export class TreeDecoder {
  #rest: Uint8Array = new Uint8Array(0);
  #started = false;
  #lastName: Uint8Array | undefined;

  /**
   * The entries that became whole with these bytes; they do not point into `bytes`.
   * @throws HoldfastError `codec.damaged`, `codec.unsupported-version`
   */
  push(bytes: Uint8Array): TreeEntry[] {
    let all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (!this.#started && all.length > 0) {
      if (all[0] !== TREE_VERSION) throw unsupportedVersion('A tree', all[0]!);
      this.#started = true;
      all = all.subarray(1);
    }
    const entries: TreeEntry[] = [];
    const view = new DataView(all.buffer, all.byteOffset, all.length);
    let at = 0;
    while (at + 4 <= all.length) {
      const lengthBytes = view.getUint32(at);
      if (lengthBytes > MAX_TREE_ENTRY_BYTES) throw damaged('a tree', `an entry of ${lengthBytes} bytes`);
      if (at + 4 + lengthBytes > all.length) break;
      // one copy for the entry, so that its names and ids outlive the chunk they came in
      entries.push(this.#entry(new Uint8Array(all.subarray(at + 4, at + 4 + lengthBytes))));
      at += 4 + lengthBytes;
    }
    this.#rest = new Uint8Array(all.subarray(at));
    return entries;
  }

  /** @throws HoldfastError `codec.damaged` when the tree ended in the middle of an entry */
  end(): void {
    if (!this.#started || this.#rest.length > 0) throw damaged('a tree', 'it ends too early');
  }

  #entry(bytes: Uint8Array): TreeEntry {
    const reader = new ByteReader('a tree', bytes);
    const name = reader.prefixed(2, MAX_NAME_BYTES);
    if (!isEntryName(name)) reader.refuse('an impossible name');
    if (this.#lastName !== undefined && compareNames(this.#lastName, name) >= 0) reader.refuse('names out of order');
    this.#lastName = name;
    const meta = readFileMeta(reader);
    reader.end();
    return Object.assign(meta, { name });
  }
}

/** A whole tree at once, for entries in order. @throws HoldfastError `codec.bad-argument` */
export function encodeTree(entries: Iterable<TreeEntry>): Uint8Array {
  const encoder = new TreeEncoder();
  for (const entry of entries) encoder.add(entry);
  return encoder.take();
}

/** @throws HoldfastError `codec.damaged`, `codec.unsupported-version` */
export function decodeTree(bytes: Uint8Array): TreeEntry[] {
  const decoder = new TreeDecoder();
  const entries = decoder.push(bytes);
  decoder.end();
  return entries;
}

/** The entries of a tree that comes in chunks (`readStream`). @throws like `decodeTree` */
export async function* readTree(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<TreeEntry, void, undefined> {
  const decoder = new TreeDecoder();
  for await (const chunk of chunks) yield* decoder.push(chunk);
  decoder.end();
}
