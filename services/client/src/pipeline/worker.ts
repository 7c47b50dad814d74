/** A worker thread of the pipeline: files in, shards at their nodes out. Everything big stays in its one arena. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createArena, createChunkIdHasher, createKernel, gearTable, type PackKind } from '@holdfast/codec';
import { systemClock, systemRandomness } from '@holdfast/platform';
import { createSigningKey, fail, type PackId } from '@holdfast/protocol';
import { createNodeTransport, NodeDispatchers } from '../transport/index.ts';
import { ChunkSet } from './chunk-set.ts';
import { Counters } from './counters.ts';
import { FileReader } from './file-reader.ts';
import { keepFreedBlocks } from './malloc.ts';
import type { FileResult, FromWorker, Placement, ToWorker, WorkerOptions } from './messages.ts';
import { packLayout } from './pack-layout.ts';
import { PackWriter } from './pack-writer.ts';
import { fromPlainError, toPlainError } from './plain-error.ts';

/** Bytes worked on between two turns of the event loop: uploads go on in those turns. */
const TURN_BYTES = 1024 * 1024;
/** What a chunk costs beside its bytes, so that many tiny ones make turns too. */
const TURN_BYTES_PER_CHUNK = 16 * 1024;
/** Packs of trees and index objects are closed at this size: they are few, and read alone. */
const SMALL_PACK_BYTES = 8 * 1024 * 1024;
const ID_BYTES = 32;

class PipelineWorker {
  readonly #port: MessagePort;
  readonly #chunks: ChunkSet;
  readonly #counters: Counters;
  readonly #reader: FileReader;
  readonly #writer: PackWriter;
  readonly #dispatchers: NodeDispatchers;
  readonly #abort = new AbortController();
  readonly #placing = new Map<PackId, PromiseWithResolvers<Placement>>();
  #work: Promise<void> = Promise.resolve();
  #turnBytes = 0;
  /** What the main thread's clock is ahead of this machine's. */
  #clockOffsetMs = 0;

  /** It lives as long as its port. */
  static start(port: MessagePort, options: WorkerOptions): PipelineWorker {
    return new PipelineWorker(port, options);
  }

  private constructor(port: MessagePort, options: WorkerOptions) {
    keepFreedBlocks();
    this.#port = port;
    this.#chunks = ChunkSet.join(options.chunkSet);
    this.#counters = new Counters(options.counters);
    const { keys, policy, takesChunks } = options;
    const layout = packLayout(policy);
    const arena = createArena(FileReader.arenaBytes + 8192 + PackWriter.arenaBytes(layout, takesChunks));
    const kernel = createKernel(arena, gearTable(keys.gearKey));
    this.#dispatchers = new NodeDispatchers(options);
    const signingKey = createSigningKey(options.identitySeed);
    const nowMs = (): number => systemClock.nowMs() + this.#clockOffsetMs;
    const nodes = createNodeTransport({ dispatchers: this.#dispatchers, signing: options.signing, signingKey, nowMs });
    this.#writer = new PackWriter({
      arena,
      kernel,
      keys,
      policy,
      layout,
      randomness: systemRandomness,
      compressionLevel: options.compressionLevel,
      sender: {
        nodes,
        clock: systemClock,
        place: (request) => this.#place(request),
        retryDelaysMs: options.retryDelaysMs,
        patientRetryDelaysMs: options.patientRetryDelaysMs,
        signal: this.#abort.signal,
        onStored: (sizeBytes) => this.#counters.add('storedBytes', sizeBytes),
      },
      ...(takesChunks ? { smallPackBytes: SMALL_PACK_BYTES } : {}),
      onAdded: (plaintextBytes) => this.#counters.add('newBytes', plaintextBytes),
      onClosed: (contentBytes) => this.#counters.add('sealedBytes', contentBytes),
      onStored: (pack) => this.#send({ type: 'stored', pack }),
    });
    const chunkId = createChunkIdHasher(keys.chunkIdKey);
    this.#reader = new FileReader({ arena, kernel, chunkId, take: (id, plaintext) => this.#take(id, plaintext) });
    port.on('message', (message: ToWorker) => this.#receive(message));
    this.#send({ type: 'ready' });
  }

  #send(message: FromWorker, transfer: ArrayBuffer[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  /** Answers about placements are for uploads under way; everything else is done one after the other. */
  #receive(message: ToWorker): void {
    switch (message.type) {
      case 'placed':
        this.#clockOffsetMs = message.placement.nowMs - systemClock.nowMs();
        this.#placing.get(message.packId)?.resolve(message.placement);
        this.#placing.delete(message.packId);
        break;
      case 'not-placed':
        this.#placing.get(message.packId)?.reject(fromPlainError(message.error));
        this.#placing.delete(message.packId);
        break;
      case 'stop':
        this.#abort.abort(fail('client.interrupted'));
        for (const placing of this.#placing.values()) placing.reject(fail('client.interrupted'));
        this.#placing.clear();
        break;
      case 'files':
      case 'chunks':
      case 'flush':
      case 'end':
        this.#work = this.#work.then(() => this.#perform(message)).catch((error: unknown) => this.#fail(error));
        break;
    }
  }

  #fail(error: unknown): void {
    this.#send({ type: 'failed', error: toPlainError(error) });
  }

  async #perform(message: Extract<ToWorker, { type: 'files' | 'chunks' | 'flush' | 'end' }>): Promise<void> {
    switch (message.type) {
      case 'files':
        return this.#readFiles(message.jobId, message.files);
      case 'chunks':
        return this.#takeChunks(message.kind, message.ids, message.lengths, message.bytes);
      case 'flush':
        await this.#writer.flush();
        return this.#send({ type: 'flushed' });
      case 'end':
        await this.#dispatchers.close();
        this.#chunks.close();
        return this.#port.close();
    }
  }

  async #readFiles(jobId: number, files: Extract<ToWorker, { type: 'files' }>['files']): Promise<void> {
    const ids: Uint8Array[] = [];
    const lengths: number[] = [];
    const results: FileResult[] = [];
    for (const file of files) {
      const result = await this.#reader.read(file, ids, lengths);
      results.push(result);
      this.#counters.add('filesRead', 1);
    }
    const joined = new Uint8Array(ids.length * ID_BYTES);
    for (const [place, id] of ids.entries()) joined.set(id, place * ID_BYTES);
    this.#send({ type: 'files-read', jobId, results, ids: joined, lengths: Uint32Array.from(lengths) }, [
      joined.buffer,
    ]);
  }

  /** A chunk of a file, known or new. */
  async #take(id: Uint8Array, plaintext: Uint8Array): Promise<void> {
    this.#counters.add('bytesRead', plaintext.length);
    if (this.#chunks.claim(id)) await this.#writer.add('data', id, plaintext);
    await this.#turn(plaintext.length);
  }

  async #takeChunks(kind: PackKind, ids: Uint8Array, lengths: readonly number[], bytes: Uint8Array): Promise<void> {
    let at = 0;
    for (const [place, length] of lengths.entries()) {
      await this.#writer.add(
        kind,
        ids.subarray(place * ID_BYTES, (place + 1) * ID_BYTES),
        bytes.subarray(at, at + length),
      );
      at += length;
      await this.#turn(length);
    }
    this.#send({ type: 'chunks-taken', sizeBytes: bytes.length });
  }

  async #turn(sizeBytes: number): Promise<void> {
    this.#turnBytes += sizeBytes + TURN_BYTES_PER_CHUNK;
    if (this.#turnBytes < TURN_BYTES) return;
    this.#turnBytes = 0;
    await nextTurn();
    if (this.#counters.get('stopped') !== 0) throw fail('client.interrupted');
  }

  #place(request: Omit<Extract<FromWorker, { type: 'place' }>, 'type'>): Promise<Placement> {
    const placing = Promise.withResolvers<Placement>();
    this.#placing.set(request.packId, placing);
    this.#send({ type: 'place', ...request });
    return placing.promise;
  }
}

if (parentPort !== null) PipelineWorker.start(parentPort, workerData as WorkerOptions);
