/** Runs jobs on worker threads, so that more than one core decrypts. */
import { Worker } from 'node:worker_threads';
import { systemClock } from '@holdfast/platform';
import { fail, type HoldfastError } from '@holdfast/protocol';
import { fromPlainError, toPlainError } from '../pipeline/plain-error.ts';
import type { ClientContext } from '../ports.ts';
import type {
  FromRestoreWorker,
  JobNews,
  JobResult,
  PackJob,
  RestoreWorkerOptions,
  ToRestoreWorker,
  VerifyJob,
  VerifyResult,
} from './job.ts';
import type { JobRunner } from './pack-scheduler.ts';

/** Packs in one worker: while one is opened, the next one arrives. Each takes up to 40 MiB. */
const JOBS_PER_WORKER = 2;
/** V8's heap in a worker; packs lie outside of it. */
const WORKER_HEAP = { maxOldGenerationSizeMb: 96, maxYoungGenerationSizeMb: 8 };

const STALL_TIMEOUT_MS = 30_000;

/** @param settings `stallTimeoutMs` undefined: half a minute */
export function workerOptionsOf(
  { keys, signing, config, clock }: ClientContext,
  settings: { readonly fsyncFiles: boolean; readonly stallTimeoutMs: number | undefined },
): RestoreWorkerOptions {
  return {
    dataKey: keys.dataKey,
    chunkIdKey: keys.chunkIdKey,
    maskKey: keys.maskKey,
    identitySeed: keys.identitySeed,
    signing,
    clockOffsetMs: clock.nowMs() - systemClock.nowMs(),
    caPem: config.caPem,
    fsyncFiles: settings.fsyncFiles,
    stallTimeoutMs: settings.stallTimeoutMs ?? STALL_TIMEOUT_MS,
  };
}

interface Member {
  readonly worker: Worker;
  readonly jobs: Map<number, PromiseWithResolvers<JobResult | VerifyResult>>;
  readonly exited: Promise<void>;
}

export class WorkerPool implements JobRunner {
  readonly concurrency: number;
  readonly #members: Member[];
  #failure: HoldfastError | undefined;
  #closed = false;

  constructor(workers: number, options: RestoreWorkerOptions, news: JobNews) {
    this.concurrency = workers * JOBS_PER_WORKER;
    this.#members = Array.from({ length: workers }, () => this.#start(options, news));
  }

  run(job: PackJob): Promise<JobResult> {
    return this.#give({ type: 'job', job }) as Promise<JobResult>;
  }

  verify(job: VerifyJob): Promise<VerifyResult> {
    return this.#give({ type: 'verify', job }) as Promise<VerifyResult>;
  }

  #give(message: Extract<ToRestoreWorker, { job: unknown }>): Promise<JobResult | VerifyResult> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const member = this.#members.reduce((best, next) => (next.jobs.size < best.jobs.size ? next : best));
    const end = Promise.withResolvers<JobResult | VerifyResult>();
    member.jobs.set(message.job.jobId, end);
    member.worker.postMessage(message);
    return end.promise;
  }

  /** Gives up what is under way: those jobs fail with `client.interrupted`. */
  stop(): void {
    for (const { worker } of this.#members) worker.postMessage({ type: 'stop' } satisfies ToRestoreWorker);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { worker } of this.#members) worker.postMessage({ type: 'end' } satisfies ToRestoreWorker);
    await Promise.all(this.#members.map(({ exited }) => exited));
  }

  #start(workerData: RestoreWorkerOptions, news: JobNews): Member {
    const { file, execArgv } = workerFile();
    const worker = new Worker(file, { workerData, resourceLimits: WORKER_HEAP, execArgv });
    const exit = Promise.withResolvers<void>();
    const member: Member = { worker, jobs: new Map(), exited: exit.promise };
    worker.on('message', (message: FromRestoreWorker) => receive(member, message, news));
    worker.on('error', (error) => this.#fail(fromPlainError(toPlainError(error))));
    worker.on('exit', (code) => {
      exit.resolve();
      if (!this.#closed) this.#fail(fail('internal.unexpected', { incident: `a worker ended with status ${code}` }));
    });
    return member;
  }

  #fail(error: HoldfastError): void {
    this.#failure ??= error;
    for (const { jobs } of this.#members) {
      for (const job of jobs.values()) job.reject(this.#failure);
      jobs.clear();
    }
  }
}

function receive(member: Member, message: FromRestoreWorker, news: JobNews): void {
  switch (message.type) {
    case 'done':
      member.jobs.get(message.result.jobId)?.resolve(message.result);
      member.jobs.delete(message.result.jobId);
      break;
    case 'failed':
      member.jobs.get(message.jobId)?.reject(fromPlainError(message.error));
      member.jobs.delete(message.jobId);
      break;
    case 'fault':
      news.onFault(message.fault);
      break;
    case 'progress':
      news.onFetched(message.fetchedBytes);
      news.onWritten(message.writtenBytes);
      break;
  }
}

function workerFile(): { file: URL; execArgv: string[] } {
  const isSource = import.meta.url.endsWith('.ts');
  return isSource
    ? { file: new URL('./worker.ts', import.meta.url), execArgv: ['-C', '@holdfast/source', '--no-warnings'] }
    : { file: new URL('./worker.js', import.meta.url), execArgv: [] };
}
