/** How a tree names the contents of a file or directory: a short list of chunk ids, however long the stream. */
import { badArgument } from './shapes.ts';

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

/** For streams of at most 64 chunks (every file up to 16 MiB): no list chunks, nothing to await. */
export function inlineStreamRef(sizeBytes: number, ids: readonly Uint8Array[]): StreamRef {
  if (ids.length > MAX_INLINE_IDS) throw badArgument(`${ids.length} inline ids`);
  return { sizeBytes, depth: 0, ids };
}

/** Builds the reference of a stream whose chunks were stored one after the other; memory stays below 2 MiB. */
export class StreamRefBuilder {
  constructor(putChunk: PutChunk) {
    void putChunk;
  }
  /** The next chunk of the stream. Awaits only when a list chunk is full (every 8,192 chunks). */
  async add(id: Uint8Array, plaintextBytes: number): Promise<void> {
    void id;
    void plaintextBytes;
    throw badArgument('not built yet');
  }
  /** Call once. */
  async finish(): Promise<StreamRef> {
    throw badArgument('not built yet');
  }
}

/**
 * The ids of a stream's data chunks, in order, reading list chunks as it goes.
 * @throws HoldfastError `codec.damaged` for a list chunk that is none, or more chunks than bytes
 */
export async function* streamChunkIds(ref: StreamRef, getChunk: GetChunk): AsyncGenerator<Uint8Array> {
  void ref;
  void getChunk;
  throw badArgument('not built yet');
}

/**
 * The plaintexts of a stream's data chunks, in order; one chunk in memory at a time.
 * @throws HoldfastError `codec.damaged` when their lengths do not add up to `sizeBytes`
 */
export async function* readStream(ref: StreamRef, getChunk: GetChunk): AsyncGenerator<Uint8Array> {
  void ref;
  void getChunk;
  throw badArgument('not built yet');
}
