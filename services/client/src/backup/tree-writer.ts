/** Turns the pages of a finished directory into its tree: encoded, cut into chunks, stored, and kept in the cache. */
import {
  CHUNK_MIN_BYTES,
  type Chunker,
  createChunker,
  decodeTree,
  encodeTree,
  inlineStreamRef,
  StreamRefBuilder,
  type StreamRef,
  TreeEncoder,
} from '@holdfast/codec';
import type { CachedPage, DirectoryCache } from '../catalog/index.ts';
import type { Pipeline } from '../pipeline/index.ts';
import { Turnstile } from '../pipeline/turnstile.ts';

/** Encoded bytes that go to the chunker at a time. */
const PIECE_BYTES = 1024 * 1024;

export class TreeWriter {
  readonly #pipeline: Pipeline;
  readonly #cache: DirectoryCache;
  readonly #run: number;
  readonly #gear: BigUint64Array;
  /** One chunker for all long trees, one after the other; made at first need. */
  readonly #turn = new Turnstile<undefined>([undefined]);
  #chunker: Chunker | undefined;

  constructor(pipeline: Pipeline, cache: DirectoryCache, run: number, gear: BigUint64Array) {
    this.#pipeline = pipeline;
    this.#cache = cache;
    this.#run = run;
    this.#gear = gear;
  }

  get run(): number {
    return this.#run;
  }

  /** The tree of a directory without entries. */
  putEmpty(): StreamRef {
    return this.#putShort(encodeTree([]));
  }

  putPage(path: Buffer, number: number, page: CachedPage): void {
    this.#cache.putPage(path, this.#run, number, page);
  }

  /**
   * Stores the tree of pages that were put before.
   * @param onlyPage where there is one page: its encoded entries, which are the tree.
   * @param isKept whether the cache may answer for this directory next time.
   */
  async finish(path: Buffer, pageCount: number, onlyPage: Uint8Array | undefined, isKept: boolean): Promise<StreamRef> {
    const tree = await this.#put(path, pageCount, onlyPage);
    if (isKept) this.#cache.put(path, this.#run, pageCount, tree);
    return tree;
  }

  async #put(path: Buffer, pageCount: number, onlyPage: Uint8Array | undefined): Promise<StreamRef> {
    if (pageCount === 0) return this.putEmpty();
    if (onlyPage !== undefined && onlyPage.length <= CHUNK_MIN_BYTES) return this.#putShort(onlyPage);
    await this.#turn.enter();
    try {
      const chunker = (this.#chunker ??= createChunker(this.#gear));
      const builder = new StreamRefBuilder((list) => this.#pipeline.putChunk('tree', list));
      const pieces = onlyPage === undefined ? this.#piecesOf(path, pageCount) : [onlyPage];
      for (const piece of pieces) {
        await this.#addAll(builder, chunker.push(piece));
        while (this.#pipeline.isChunkQueueFull) await this.#pipeline.news();
      }
      await this.#addAll(builder, chunker.finish());
      return await builder.finish();
    } finally {
      this.#turn.leave(undefined);
    }
  }

  /** The pages' entries as one listing. */
  *#piecesOf(path: Buffer, pageCount: number): IterableIterator<Uint8Array> {
    const encoder = new TreeEncoder();
    for (let number = 0; number < pageCount; number += 1) {
      const page = this.#cache.getPage(path, this.#run, number)!;
      for (const entry of decodeTree(page.entries)) encoder.add(entry);
      if (encoder.pendingBytes >= PIECE_BYTES) yield encoder.take();
    }
    yield encoder.take();
  }

  async #addAll(builder: StreamRefBuilder, chunks: Iterable<Uint8Array>): Promise<void> {
    for (const chunk of chunks) await builder.add(this.#pipeline.putChunk('tree', chunk), chunk.length);
  }

  #putShort(bytes: Uint8Array): StreamRef {
    return inlineStreamRef(bytes.length, [this.#pipeline.putChunk('tree', bytes)]);
  }
}
