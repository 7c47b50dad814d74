/** Reads files into the arena and cuts them into chunks there. Synchronous system calls, in pieces of a MiB. */
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { type Arena, CHUNK_MAX_BYTES, type ChunkIdHasher, type Kernel } from '@holdfast/codec';
import { toPath } from '../scan/byte-string.ts';
import { type FileStat, sameContents, toFileStat, typeOf } from '../scan/file-stat.ts';
import type { FileResult, FileToRead } from './messages.ts';

/** What becomes of a chunk: its plaintext lies in the arena until this resolves. */
export type TakeChunk = (id: Uint8Array, plaintext: Uint8Array) => Promise<void> | void;

const PIECE_BYTES = 1024 * 1024;
const BUFFER_BYTES = CHUNK_MAX_BYTES + PIECE_BYTES;
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

export interface FileReaderOptions {
  readonly arena: Arena;
  readonly kernel: Kernel;
  readonly chunkId: ChunkIdHasher;
  readonly take: TakeChunk;
}

export class FileReader {
  static readonly arenaBytes = BUFFER_BYTES + CHUNK_MAX_BYTES;
  readonly #options: FileReaderOptions;
  readonly #buffer: Uint8Array;
  /** The chunk of zeros that holes are made of; never written to. */
  readonly #zeros: Uint8Array;
  #zeroChunkId: Uint8Array | undefined;

  constructor(options: FileReaderOptions) {
    this.#options = options;
    this.#buffer = options.arena.alloc(BUFFER_BYTES);
    this.#zeros = options.arena.alloc(CHUNK_MAX_BYTES);
  }

  /** Never throws for anything that a file can do; `ids` and `lengths` get the chunks of what was kept. */
  async read(file: FileToRead, ids: Uint8Array[], lengths: number[]): Promise<FileResult> {
    const kept = ids.length;
    for (let attempt = 1; ; attempt += 1) {
      ids.length = kept;
      lengths.length = kept;
      const result = await this.#attempt(file, ids, lengths);
      if (result.unreadable !== undefined) {
        ids.length = kept;
        lengths.length = kept;
        return result;
      }
      if (result.changed !== true || attempt === 2 || file.segment !== undefined) return result;
    }
  }

  async #attempt(file: FileToRead, ids: Uint8Array[], lengths: number[]): Promise<FileResult> {
    const kept = ids.length;
    let descriptor: number;
    try {
      descriptor = openSync(toPath(file.path), OPEN_FLAGS);
    } catch (error) {
      return unreadable(error);
    }
    try {
      const before = toFileStat(fstatSync(descriptor, { bigint: true }));
      if (typeOf(before) !== 'file') return { sizeBytes: 0, chunkCount: 0, unreadable: 'it is no file any more' };
      const part = file.segment ?? { offset: 0, lengthBytes: before.sizeBytes };
      const sizeBytes = await this.#readPart(descriptor, part, before, ids, lengths);
      const after = toFileStat(fstatSync(descriptor, { bigint: true }));
      const changed = !sameContents(before, after) || (file.segment !== undefined && !sameContents(file.stat, after));
      return {
        sizeBytes,
        chunkCount: ids.length - kept,
        ...(sameContents(file.stat, after) ? {} : { stat: after }),
        ...(changed ? { changed } : {}),
      };
    } catch (error) {
      if ((error as { syscall?: unknown }).syscall === undefined) throw error;
      return unreadable(error);
    } finally {
      closeSync(descriptor);
    }
  }

  /** Cuts what lies between `offset` and `offset + lengthBytes`, or the end of the file. Returns the bytes read. */
  async #readPart(
    descriptor: number,
    part: { readonly offset: number; readonly lengthBytes: number },
    stat: FileStat,
    ids: Uint8Array[],
    lengths: number[],
  ): Promise<number> {
    const { kernel, chunkId, take } = this.#options;
    const buffer = this.#buffer;
    const hasHoles = stat.blocks * 512 < stat.sizeBytes;
    let start = 0;
    let end = 0;
    let searched = 0;
    let left = part.lengthBytes;
    let sizeBytes = 0;
    for (;;) {
      const view = buffer.subarray(start, end);
      const isZeros = hasHoles && this.#isZeroChunk(view);
      const length = view.length === 0 ? 0 : isZeros ? CHUNK_MAX_BYTES : kernel.cut(view, left === 0, searched);
      if (length > 0) {
        const plaintext = buffer.subarray(start, start + length);
        const id = isZeros ? this.#zeroId() : chunkId(plaintext);
        const taken = take(id, plaintext);
        if (taken !== undefined) await taken;
        ids.push(id);
        lengths.push(length);
        start += length;
        searched = 0;
        continue;
      }
      if (left === 0) return sizeBytes;
      searched = view.length;
      if (start === end) {
        start = 0;
        end = 0;
      } else if (buffer.length - end < PIECE_BYTES) {
        buffer.copyWithin(0, start, end);
        end -= start;
        start = 0;
      }
      const wanted = Math.min(left, buffer.length - end, hasHoles ? CHUNK_MAX_BYTES : PIECE_BYTES);
      const count = readSync(descriptor, buffer, end, wanted, part.offset + sizeBytes);
      left = count === 0 ? 0 : left - count;
      end += count;
      sizeBytes += count;
    }
  }

  /** A long run of zeros needs neither a search for boundaries nor a hash, where the chunker would not cut it. */
  #isZeroChunk(view: Uint8Array): boolean {
    if (view.length < CHUNK_MAX_BYTES || view[0] !== 0 || view[CHUNK_MAX_BYTES - 1] !== 0) return false;
    if (Buffer.compare(view.subarray(0, CHUNK_MAX_BYTES), this.#zeros) !== 0) return false;
    return this.#zeroId().length > 0;
  }

  /** Empty when this vault's chunker cuts zeros shorter (one vault in 2^18). */
  #zeroId(): Uint8Array {
    this.#zeroChunkId ??=
      this.#options.kernel.cut(this.#zeros, false) === CHUNK_MAX_BYTES
        ? this.#options.chunkId(this.#zeros)
        : new Uint8Array(0);
    return this.#zeroChunkId;
  }
}

function unreadable(error: unknown): FileResult {
  const { code, message } = error as { code?: string; message?: string };
  return { sizeBytes: 0, chunkCount: 0, unreadable: code ?? message ?? 'unknown error' };
}
