/** How a tree names the contents of a file or directory: a short list of chunk ids, however long the stream. */
import type { ByteReader, ByteWriter } from './binary.ts';
import { badArgument, damaged, ID_BYTES } from './shapes.ts';

/** Ids that a reference itself holds; longer lists become chunks. */
export const MAX_INLINE_IDS = 64;
/** Ids in one list chunk (256 KiB). */
export const IDS_PER_LIST_CHUNK = 8192;
export const MAX_STREAM_DEPTH = 6;

/**
 * A stream of bytes. `depth` 0: `ids` are its chunks in order. `depth` d > 0: `ids` are list chunks, whose plaintexts
 * joined are the 32-byte ids of depth d − 1. An empty stream has no ids and depth 0.
 */
export interface StreamRef {
  /** Bytes of the whole stream. */
  readonly sizeBytes: number;
  readonly depth: number;
  /** 32 bytes each. */
  readonly ids: readonly Uint8Array[];
}

/** Stores one chunk (or knows it already) and says its id. */
export type PutChunk = (plaintext: Uint8Array) => Uint8Array | Promise<Uint8Array>;
/** Fetches one chunk's plaintext; it has verified the id. */
export type GetChunk = (id: Uint8Array) => Promise<Uint8Array>;

/** What is wrong with a reference, or undefined: an empty stream has no ids, and no chunk is empty. */
function faultOf({ sizeBytes, depth, ids }: StreamRef): string | undefined {
  if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return `a stream of ${sizeBytes} bytes`;
  if (!Number.isInteger(depth) || depth < 0 || depth > MAX_STREAM_DEPTH) return `a stream of depth ${depth}`;
  if (ids.length > MAX_INLINE_IDS) return `a stream reference with ${ids.length} ids`;
  if ((ids.length === 0) !== (sizeBytes === 0)) return `a stream of ${sizeBytes} bytes in ${ids.length} chunks`;
  if (ids.length === 0 && depth > 0) return 'an empty stream with lists';
  if (ids.length > sizeBytes) return `a stream of ${sizeBytes} bytes in ${ids.length} chunks`;
  return undefined;
}

/** For streams of at most 64 chunks (every file up to 16 MiB): no list chunks, nothing to await. */
export function inlineStreamRef(sizeBytes: number, ids: readonly Uint8Array[]): StreamRef {
  const ref = { sizeBytes, depth: 0, ids };
  const fault = faultOf(ref);
  if (fault !== undefined) throw badArgument(fault);
  return ref;
}

export const EMPTY_STREAM: StreamRef = { sizeBytes: 0, depth: 0, ids: [] };

/** Size 8, depth 1, count 1, ids 32 each. */
export function writeStreamRef(writer: ByteWriter, ref: StreamRef): void {
  const fault = faultOf(ref);
  if (fault !== undefined) writer.refuse(fault);
  writer.u64(ref.sizeBytes);
  writer.u8(ref.depth);
  writer.u8(ref.ids.length);
  for (const id of ref.ids) writer.raw(id, ID_BYTES);
}

/** The ids are views of the reader's bytes. */
export function readStreamRef(reader: ByteReader): StreamRef {
  const sizeBytes = reader.u64();
  const depth = reader.u8();
  const count = reader.u8();
  if (count > MAX_INLINE_IDS) reader.refuse(`a stream reference with ${count} ids`);
  const ids = Array.from({ length: count }, () => reader.raw(ID_BYTES));
  const ref = { sizeBytes, depth, ids };
  const fault = faultOf(ref);
  if (fault !== undefined) reader.refuse(fault);
  return ref;
}

/** Builds the reference of a stream whose chunks were stored one after the other; memory stays below 2 MiB. */
export class StreamRefBuilder {
  readonly #putChunk: PutChunk;
  /** By depth: the ids that no list chunk holds yet. */
  readonly #levels: Uint8Array[][] = [[]];
  #sizeBytes = 0;
  #finished = false;

  constructor(putChunk: PutChunk) {
    this.#putChunk = putChunk;
  }

  /** The next chunk of the stream. Keeps `id`. Stores a chunk only when a list is full (every 8,192 chunks). */
  async add(id: Uint8Array, plaintextBytes: number): Promise<void> {
    if (this.#finished) throw badArgument('a chunk for a stream that is finished');
    if (id.length !== ID_BYTES) throw badArgument(`a chunk id of ${id.length} bytes`);
    if (!Number.isSafeInteger(plaintextBytes) || plaintextBytes < 1)
      throw badArgument(`a chunk of ${plaintextBytes} bytes`);
    this.#sizeBytes += plaintextBytes;
    await this.#push(0, id);
  }

  /** Call once. */
  async finish(): Promise<StreamRef> {
    if (this.#finished) throw badArgument('a stream to finish that is finished');
    this.#finished = true;
    for (let depth = 0; ; depth += 1) {
      const isTop = depth === this.#levels.length - 1;
      const ids = this.#levels[depth]!;
      if (isTop && ids.length <= MAX_INLINE_IDS) return { sizeBytes: this.#sizeBytes, depth, ids };
      if (ids.length > 0) await this.#flush(depth);
    }
  }

  async #push(depth: number, id: Uint8Array): Promise<void> {
    const level = (this.#levels[depth] ??= []);
    level.push(id);
    if (level.length === IDS_PER_LIST_CHUNK) await this.#flush(depth);
  }

  async #flush(depth: number): Promise<void> {
    if (depth === MAX_STREAM_DEPTH) throw badArgument('a stream with more chunks than the format can name');
    const ids = this.#levels[depth]!;
    const list = new Uint8Array(ids.length * ID_BYTES);
    for (const [place, id] of ids.entries()) list.set(id, place * ID_BYTES);
    this.#levels[depth] = [];
    await this.#push(depth + 1, await this.#putChunk(list));
  }
}

/**
 * The ids of a stream's data chunks, in order, reading list chunks as it goes; each id in a buffer that stays.
 * @throws HoldfastError `codec.damaged` for a list chunk that is none, or more chunks than bytes
 */
export async function* streamChunkIds(ref: StreamRef, getChunk: GetChunk): AsyncGenerator<Uint8Array, void, undefined> {
  const fault = faultOf(ref);
  if (fault !== undefined) throw damaged('a stream', fault);
  let left = ref.sizeBytes;
  for await (const id of idsBelow(ref.ids, ref.depth, getChunk)) {
    if (left === 0) throw damaged('a stream', 'it lists more chunks than it has bytes');
    left -= 1;
    yield id;
  }
}

async function* idsBelow(
  ids: Iterable<Uint8Array>,
  depth: number,
  getChunk: GetChunk,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const id of ids) {
    if (depth === 0) yield id;
    else yield* idsBelow(splitList(await getChunk(id)), depth - 1, getChunk);
  }
}

function splitList(list: Uint8Array): Uint8Array[] {
  const count = list.length / ID_BYTES;
  if (!Number.isInteger(count) || count < 1 || count > IDS_PER_LIST_CHUNK) {
    throw damaged('a stream', `a list chunk of ${list.length} bytes`);
  }
  return Array.from({ length: count }, (_, place) => list.subarray(place * ID_BYTES, (place + 1) * ID_BYTES));
}

/**
 * The plaintexts of a stream's data chunks, in order; one chunk in memory at a time.
 * @throws HoldfastError `codec.damaged` when their lengths do not add up to `sizeBytes`
 */
export async function* readStream(ref: StreamRef, getChunk: GetChunk): AsyncGenerator<Uint8Array, void, undefined> {
  let left = ref.sizeBytes;
  for await (const id of streamChunkIds(ref, getChunk)) {
    const plaintext = await getChunk(id);
    if (plaintext.length === 0 || plaintext.length > left) throw damaged('a stream', 'its chunks are longer than it');
    left -= plaintext.length;
    yield plaintext;
  }
  if (left !== 0) throw damaged('a stream', `its chunks are ${left} bytes short of it`);
}
