/** The main thread's side of the pipeline: starts workers when there is work, hands it out, collects what comes back. */
import { Worker } from 'node:worker_threads';
import { createChunkIdHasher, type PackKind, type PackPolicy, type VaultKeys } from '@holdfast/codec';
import { fail, type HoldfastError, type SigningContext } from '@holdfast/protocol';
import type { ChunkSet } from './chunk-set.ts';
import { Counters } from './counters.ts';
import type { FileToRead, FromWorker, Placement, StoredPack, ToWorker, WorkerOptions } from './messages.ts';
import { fromPlainError, toPlainError } from './plain-error.ts';

export type PlaceRequest = Omit<Extract<FromWorker, { type: 'place' }>, 'type'>;
export type FilesRead = Omit<Extract<FromWorker, { type: 'files-read' }>, 'type' | 'jobId'>;

export interface PipelineOptions {
  readonly keys: VaultKeys;
  readonly identitySeed: Uint8Array;
  readonly signing: SigningContext;
  readonly caPem: string;
  readonly policy: PackPolicy;
  /** Asked for at the first need. */
  readonly chunkSet: () => ChunkSet;
  /** Threads at most. */
  readonly workerCount: number;
  readonly nowMs: () => number;
  /** Where a pack goes; also asked when the place before did not work out. */
  readonly place: (request: PlaceRequest) => Promise<Placement>;
  readonly onStored: (pack: StoredPack) => void;
  readonly compressionLevel?: number;
  readonly connectionsPerNode?: number;
  readonly stallTimeoutMs?: number;
  readonly retryDelaysMs?: readonly number[];
  readonly patientRetryDelaysMs?: readonly number[];
}

const COMPRESSION_LEVEL = 1;
const CONNECTIONS_PER_NODE = 2;
const STALL_TIMEOUT_MS = 30_000;
const RETRY_DELAYS_MS = [200, 1000, 3000];
const PATIENT_RETRY_DELAYS_MS = [500, 1000, 2000, 4000, 8000, 16_000];
/** Jobs that wait in a worker while it does another: none ever waits for work. */
const JOBS_PER_WORKER = 2;
/** Bytes of trees and index objects that may wait in a worker. */
const MAX_PENDING_CHUNK_BYTES = 8 * 1024 * 1024;
const CHUNK_BATCH_BYTES = 512 * 1024;
/** V8's heap in a worker; everything big lies outside of it. */
const WORKER_HEAP = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 8 };

interface Job {
  readonly files: readonly FileToRead[];
  readonly onDone: (read: FilesRead) => void;
}

interface Member {
  readonly worker: Worker;
  readonly jobs: Map<number, Job>;
  flushed: PromiseWithResolvers<void> | undefined;
}

interface Batch {
  readonly kind: PackKind;
  readonly ids: Uint8Array[];
  readonly plaintexts: Uint8Array[];
  sizeBytes: number;
}

export class Pipeline {
  readonly counters = new Counters();
  readonly #options: PipelineOptions;
  readonly #failed = Promise.withResolvers<never>();
  readonly #members: Member[] = [];
  readonly #queue: Job[] = [];
  readonly #chunkId: (plaintext: Uint8Array) => Uint8Array;
  #nextJobId = 1;
  #batch: Batch | undefined;
  #pendingChunkBytes = 0;
  #failure: HoldfastError | undefined;
  /** Resolved and replaced whenever something came back. */
  #news = Promise.withResolvers<void>();
  #closed = false;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#chunkId = createChunkIdHasher(options.keys.chunkIdKey);
    this.#failed.promise.catch(() => undefined);
  }

  /** The promise's outcome, or what goes wrong in the pipeline meanwhile. */
  until<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.#failed.promise]);
  }

  /** Whether there was ever anything to do. */
  get isUsed(): boolean {
    return this.#members.length > 0 || this.#batch !== undefined;
  }

  /** What went wrong, once something did. */
  get failure(): HoldfastError | undefined {
    return this.#failure;
  }

  /** Jobs that wait, or are being done. */
  get openJobs(): number {
    return this.#queue.length + this.#members.reduce((sum, { jobs }) => sum + jobs.size, 0);
  }

  /** Queues a job; `onDone` gets its results. Whoever queues many looks at `openJobs` and waits for `news`. */
  readFiles(files: readonly FileToRead[], onDone: (read: FilesRead) => void): void {
    this.#queue.push({ files, onDone });
    this.#handOut();
  }

  /** Stores a chunk made in this thread, unless the vault has it; its id is known at once. */
  putChunk(kind: PackKind, plaintext: Uint8Array): Uint8Array {
    const id = this.#chunkId(plaintext);
    if (this.#options.chunkSet().claim(id)) this.#addToBatch(kind, id, plaintext);
    return id;
  }

  /** Stores it also when some pack has it: for what is read by the pack, and may outlive the other one. */
  putCopy(kind: PackKind, plaintext: Uint8Array): void {
    const id = this.#chunkId(plaintext);
    this.#options.chunkSet().claim(id);
    this.#addToBatch(kind, id, plaintext);
  }

  #addToBatch(kind: PackKind, id: Uint8Array, plaintext: Uint8Array): void {
    if (this.#batch !== undefined && this.#batch.kind !== kind) this.#sendBatch();
    this.#batch ??= { kind, ids: [], plaintexts: [], sizeBytes: 0 };
    this.#batch.ids.push(id);
    this.#batch.plaintexts.push(plaintext);
    this.#batch.sizeBytes += plaintext.length;
    this.#pendingChunkBytes += plaintext.length;
    if (this.#batch.sizeBytes >= CHUNK_BATCH_BYTES) this.#sendBatch();
  }

  /** Many bytes of chunks were put and not taken yet: wait for `news`. */
  get isChunkQueueFull(): boolean {
    return this.#pendingChunkBytes > MAX_PENDING_CHUNK_BYTES;
  }

  /** Resolves when something came back since the call. @throws HoldfastError what went wrong in a worker */
  async news(): Promise<void> {
    this.#throwFailure();
    await this.#news.promise;
    this.#throwFailure();
  }

  /** Closes all open packs and resolves when their shards are acknowledged. Call it when no jobs are open. */
  async flush(): Promise<void> {
    this.#sendBatch();
    this.#throwFailure();
    const flushes = this.#members.map((member) => {
      member.flushed = Promise.withResolvers<void>();
      this.#post(member, { type: 'flush' });
      return member.flushed.promise;
    });
    await this.until(Promise.all(flushes));
  }

  /** Gives up whatever is under way. */
  stop(reason: HoldfastError = fail('client.interrupted')): void {
    this.counters.add('stopped', 1);
    this.#queue.length = 0;
    for (const member of this.#members) this.#post(member, { type: 'stop' });
    this.#fail(reason);
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#members.length > 0) this.#options.chunkSet().close();
    await Promise.all(
      this.#members.map(async ({ worker }) => {
        await worker.terminate();
      }),
    );
  }

  #handOut(): void {
    while (this.#queue.length > 0 && this.#failure === undefined) {
      const member = this.#leastBusy();
      if (member === undefined) return;
      const job = this.#queue.shift()!;
      const jobId = this.#nextJobId;
      this.#nextJobId += 1;
      member.jobs.set(jobId, job);
      this.#post(member, { type: 'files', jobId, files: job.files });
    }
  }

  /** An idle worker; a new one, while there may be more; else the one with the shortest queue. */
  #leastBusy(): Member | undefined {
    const [best] = this.#members.toSorted((a, b) => a.jobs.size - b.jobs.size);
    if (best !== undefined && best.jobs.size === 0) return best;
    if (this.#members.length < this.#options.workerCount) return this.#start();
    return best !== undefined && best.jobs.size < JOBS_PER_WORKER ? best : undefined;
  }

  #sendBatch(): void {
    const batch = this.#batch;
    if (batch === undefined) return;
    this.#batch = undefined;
    const first = this.#members[0] ?? this.#start();
    const { kind, ids, plaintexts } = batch;
    this.#post(first, {
      type: 'chunks',
      kind,
      ids: Buffer.concat(ids),
      lengths: plaintexts.map((plaintext) => plaintext.length),
      bytes: plaintexts.length === 1 ? plaintexts[0]! : Buffer.concat(plaintexts),
    });
  }

  #post(member: Member, message: ToWorker): void {
    member.worker.postMessage(message);
  }

  #start(): Member {
    const { options, transfer } = this.#workerOptions();
    const { file, execArgv } = workerFile();
    const worker = new Worker(file, {
      workerData: options,
      transferList: transfer,
      resourceLimits: WORKER_HEAP,
      execArgv,
    });
    const member: Member = { worker, jobs: new Map(), flushed: undefined };
    worker.on('message', (message: FromWorker) => this.#receive(member, message));
    worker.on('error', (error) => this.#fail(fromPlainError(toPlainError(error))));
    worker.on('exit', (code) => {
      if (!this.#closed) this.#fail(fail('internal.unexpected', { incident: `a worker ended with status ${code}` }));
    });
    this.#members.push(member);
    return member;
  }

  #workerOptions(): { options: WorkerOptions; transfer: [WorkerOptions['chunkSet']['port']] } {
    const o = this.#options;
    const chunkSet = o.chunkSet().share();
    const options: WorkerOptions = {
      keys: o.keys,
      identitySeed: o.identitySeed,
      signing: o.signing,
      caPem: o.caPem,
      policy: o.policy,
      chunkSet,
      counters: this.counters.buffer,
      takesChunks: this.#members.length === 0,
      compressionLevel: o.compressionLevel ?? COMPRESSION_LEVEL,
      connectionsPerNode: o.connectionsPerNode ?? CONNECTIONS_PER_NODE,
      stallTimeoutMs: o.stallTimeoutMs ?? STALL_TIMEOUT_MS,
      retryDelaysMs: o.retryDelaysMs ?? RETRY_DELAYS_MS,
      patientRetryDelaysMs: o.patientRetryDelaysMs ?? PATIENT_RETRY_DELAYS_MS,
    };
    return { options, transfer: [chunkSet.port] };
  }

  #receive(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        return;
      case 'files-read': {
        const job = member.jobs.get(message.jobId)!;
        member.jobs.delete(message.jobId);
        this.#options.chunkSet().growWhenNeeded();
        this.#handOut();
        job.onDone(message);
        break;
      }
      case 'chunks-taken':
        this.#pendingChunkBytes -= message.sizeBytes;
        break;
      case 'place':
        void this.#place(member, message);
        return;
      case 'stored':
        this.#options.onStored(message.pack);
        break;
      case 'flushed':
        member.flushed?.resolve();
        break;
      case 'failed':
        this.#fail(fromPlainError(message.error));
        return;
    }
    this.#tell();
  }

  async #place(member: Member, { packId, shardLengthBytes, failed }: PlaceRequest): Promise<void> {
    try {
      const request = { packId, shardLengthBytes, ...(failed === undefined ? {} : { failed }) };
      const placement = await this.#options.place(request);
      this.#post(member, { type: 'placed', packId, placement: { ...placement, nowMs: this.#options.nowMs() } });
    } catch (error) {
      this.#post(member, { type: 'not-placed', packId, error: toPlainError(error) });
    }
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  #tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers<void>();
  }

  /** The first failure is the one that is told. */
  #fail(error: HoldfastError): void {
    this.#failure ??= error;
    this.#failed.reject(this.#failure);
    this.#tell();
  }
}

/** TypeScript when this file is, so that sources run as they are; workers need the same condition to find packages. */
function workerFile(): { file: URL; execArgv: string[] } {
  const isSource = import.meta.url.endsWith('.ts');
  return isSource
    ? { file: new URL('./worker.ts', import.meta.url), execArgv: ['-C', '@holdfast/source', '--no-warnings'] }
    : { file: new URL('./worker.js', import.meta.url), execArgv: [] };
}
