/** Hands files to the pipeline: small ones together, large ones in segments, and puts their streams together again. */
import { EMPTY_STREAM, inlineStreamRef, MAX_INLINE_IDS, StreamRefBuilder, type StreamRef } from '@holdfast/codec';
import type { FileResult, FileToRead, Pipeline } from '../pipeline/index.ts';
import type { FilesRead } from '../pipeline/pipeline.ts';
import type { ByteString, FileStat } from '../scan/index.ts';

/** What came of a file. */
export interface ReadFile {
  readonly content: StreamRef;
  /** As it was when it was read. */
  readonly stat: FileStat;
  readonly changed: boolean;
}

export type OnRead = (read: ReadFile | { readonly unreadable: string }) => void;

/** A large file is cut into segments of this length, each a chunker run of its own (docs/format.md). */
const SEGMENT_BYTES = 128 * 1024 * 1024;
const BATCH_FILES = 256;
const BATCH_BYTES = 16 * 1024 * 1024;
const ID_BYTES = 32;

interface Waiting {
  readonly file: FileToRead;
  readonly onRead: OnRead;
}

export class FileQueue {
  readonly #pipeline: Pipeline;
  readonly #onError: (error: unknown) => void;
  readonly #batch: Waiting[] = [];
  #batchBytes = 0;
  #filesWaiting = 0;
  #bytesWaiting = 0;

  /** @param onError told when the contents of a file cannot be put together: an error of ours, not of the file. */
  constructor(pipeline: Pipeline, onError: (error: unknown) => void) {
    this.#pipeline = pipeline;
    this.#onError = onError;
  }

  /** Files that were added and are not read yet. */
  get filesWaiting(): number {
    return this.#filesWaiting;
  }
  get bytesWaiting(): number {
    return this.#bytesWaiting;
  }

  add(path: ByteString, stat: FileStat, onRead: OnRead): void {
    this.#filesWaiting += 1;
    this.#bytesWaiting += stat.sizeBytes;
    const done: OnRead = (read) => {
      this.#filesWaiting -= 1;
      onRead(read);
    };
    if (stat.sizeBytes > SEGMENT_BYTES) {
      this.#addSegments(path, stat, done);
      return;
    }
    this.#batch.push({ file: { path, stat }, onRead: done });
    this.#batchBytes += stat.sizeBytes;
    if (this.#batch.length >= BATCH_FILES || this.#batchBytes >= BATCH_BYTES) this.flush();
  }

  /** Sends what waits for a fuller batch. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const batch = this.#batch.splice(0);
    const batchBytes = this.#batchBytes;
    this.#batchBytes = 0;
    this.#pipeline.readFiles(
      batch.map(({ file }) => file),
      (read) => {
        this.#bytesWaiting -= batchBytes;
        this.#collect(batch, read).catch(this.#onError);
      },
    );
  }

  async #collect(batch: readonly Waiting[], { results, ids, lengths }: FilesRead): Promise<void> {
    let chunk = 0;
    for (const [place, result] of results.entries()) {
      const { file, onRead } = batch[place]!;
      const end = chunk + result.chunkCount;
      if (result.unreadable !== undefined) {
        onRead({ unreadable: result.unreadable });
      } else {
        const stream = { ids: ids.subarray(chunk * ID_BYTES, end * ID_BYTES), lengths: lengths.subarray(chunk, end) };
        // Short streams need no waiting: an await per small file would cost more than the file.
        const short = inlineContent(result, stream.ids);
        const content = short ?? (await this.#joinStreams([stream]));
        onRead({ content, stat: result.stat ?? file.stat, changed: result.changed === true });
      }
      chunk = end;
    }
  }

  #addSegments(path: ByteString, stat: FileStat, onRead: OnRead): void {
    const join = new SegmentJoin(this.#pipeline, stat, onRead, this.#onError);
    for (let offset = 0, place = 0; offset < stat.sizeBytes; offset += SEGMENT_BYTES, place += 1) {
      const lengthBytes = Math.min(SEGMENT_BYTES, stat.sizeBytes - offset);
      const isLast = offset + lengthBytes === stat.sizeBytes;
      this.#pipeline.readFiles([{ path, stat, segment: { offset, lengthBytes } }], (read) => {
        this.#bytesWaiting -= lengthBytes;
        join.add(place, read, isLast);
      });
    }
  }

  async #joinStreams(streams: readonly { ids: Uint8Array; lengths: Uint32Array }[]): Promise<StreamRef> {
    const builder = new StreamRefBuilder((list) => this.#pipeline.putChunk('data', list));
    for (const stream of streams) await addStream(builder, stream.ids, stream.lengths);
    return builder.finish();
  }
}

function inlineContent({ sizeBytes, chunkCount }: FileResult, ids: Uint8Array): StreamRef | undefined {
  if (sizeBytes === 0) return EMPTY_STREAM;
  if (chunkCount > MAX_INLINE_IDS) return undefined;
  const list = Array.from({ length: chunkCount }, (_, place) => ids.subarray(place * ID_BYTES, (place + 1) * ID_BYTES));
  return inlineStreamRef(sizeBytes, list);
}

async function addStream(builder: StreamRefBuilder, ids: Uint8Array, lengths: Uint32Array): Promise<void> {
  for (const [place, length] of lengths.entries()) {
    await builder.add(ids.slice(place * ID_BYTES, (place + 1) * ID_BYTES), length);
  }
}

/** Puts the segments of one large file together in their order, whatever the order in which they come. */
class SegmentJoin {
  readonly #builder: StreamRefBuilder;
  readonly #onRead: OnRead;
  readonly #onError: (error: unknown) => void;
  readonly #early = new Map<number, { read: FilesRead; isLast: boolean }>();
  #stat: FileStat;
  #changed = false;
  #unreadable: string | undefined;
  #next = 0;
  #working = false;

  constructor(pipeline: Pipeline, stat: FileStat, onRead: OnRead, onError: (error: unknown) => void) {
    this.#builder = new StreamRefBuilder((list) => pipeline.putChunk('data', list));
    this.#stat = stat;
    this.#onRead = onRead;
    this.#onError = onError;
  }

  add(place: number, read: FilesRead, isLast: boolean): void {
    this.#early.set(place, { read, isLast });
    if (this.#working) return;
    this.#working = true;
    this.#takeAll()
      .catch(this.#onError)
      .finally(() => {
        this.#working = false;
      });
  }

  async #takeAll(): Promise<void> {
    for (let next = this.#early.get(this.#next); next !== undefined; next = this.#early.get(this.#next)) {
      this.#early.delete(this.#next);
      this.#next += 1;
      const { results, ids, lengths } = next.read;
      const result = results[0]!;
      this.#unreadable ??= result.unreadable;
      if (result.changed === true) this.#changed = true;
      if (result.stat !== undefined) this.#stat = result.stat;
      await addStream(this.#builder, ids, lengths);
      if (next.isLast) await this.#finish();
    }
  }

  async #finish(): Promise<void> {
    const content = await this.#builder.finish();
    this.#onRead(
      this.#unreadable === undefined
        ? { content, stat: this.#stat, changed: this.#changed }
        : { unreadable: this.#unreadable },
    );
  }
}
