/** A worker thread of a restore: fetches packs, opens them, writes files. Two packs at a time: one arrives, one is opened. */
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import { createChunkIdHasher } from '@holdfast/codec';
import { systemClock, YoungGarbage } from '@holdfast/platform';
import { createSigningKey, fail } from '@holdfast/protocol';
import { keepFreedBlocks } from '../pipeline/malloc.ts';
import { toPlainError } from '../pipeline/plain-error.ts';
// Not by the folder's index: a thread that loads half as much starts sooner, and is collected in half the time.
import { BodyFetcher } from '../transport/body-fetcher.ts';
import { createShardReader } from '../transport/shard-reader.ts';
import { FileWriter } from './file-writer.ts';
import type { FromRestoreWorker, JobResult, RestoreWorkerOptions, ToRestoreWorker, VerifyResult } from './job.ts';
import { AwayNodes } from './away-nodes.ts';
import { NodeScores } from './node-scores.ts';
import { createPackRebuilder } from './rebuild-pack.ts';
import { type JobDeps, PackBuffers, runJob } from './run-job.ts';
import { verifyPack } from './verify-pack.ts';

/** How often progress is told. */
const PROGRESS_MS = 100;
/** Of outputs of ciphers, between two collections. */
const COLLECT_EVERY_BYTES = 4 * 1024 * 1024;

function startWorker(port: MessagePort, options: RestoreWorkerOptions): void {
  const send = (message: FromRestoreWorker): void => port.postMessage(message);
  const bodies = new BodyFetcher({ caPem: options.caPem, stallTimeoutMs: options.stallTimeoutMs });
  const stop = new AbortController();
  const writer = new FileWriter(options);
  keepFreedBlocks();
  const garbage = new YoungGarbage(COLLECT_EVERY_BYTES);
  let fetchedBytes = 0;
  let writtenBytes = 0;
  let toldAtMs = 0;
  const tell = (isLast: boolean): void => {
    const nowMs = systemClock.nowMs();
    if ((!isLast && nowMs - toldAtMs < PROGRESS_MS) || fetchedBytes + writtenBytes === 0) return;
    toldAtMs = nowMs;
    send({ type: 'progress', fetchedBytes, writtenBytes });
    fetchedBytes = 0;
    writtenBytes = 0;
  };
  const deps: JobDeps = {
    keys: options,
    chunkId: createChunkIdHasher(options.chunkIdKey),
    nodes: createShardReader({
      signing: options.signing,
      signingKey: createSigningKey(options.identitySeed),
      nowMs: () => systemClock.nowMs() + options.clockOffsetMs,
      bodies,
    }),
    garbage,
    scores: new NodeScores(),
    clock: systemClock,
    rebuilder: createPackRebuilder(),
    writer,
    news: {
      onFault: (fault) => send({ type: 'fault', fault }),
      onFetched: (count) => {
        fetchedBytes += count;
        tell(false);
      },
      onWritten: (count) => {
        writtenBytes += count;
        tell(false);
      },
    },
    signal: stop.signal,
  };
  const buffers = new PackBuffers();
  const away = new AwayNodes();

  type Job = Extract<ToRestoreWorker, { job: unknown }>;
  const perform = async <T extends Job>({ job }: T, work: Promise<JobResult | VerifyResult>): Promise<void> => {
    try {
      const result = await work;
      tell(true);
      send({ type: 'done', result });
    } catch (error) {
      send({ type: 'failed', jobId: job.jobId, packId: job.places.packId, error: toPlainError(error) });
    }
  };

  port.on('message', (message: ToRestoreWorker) => {
    switch (message.type) {
      case 'job':
        void perform(message, runJob(deps, buffers, message.job));
        break;
      case 'verify':
        void perform(message, verifyPack({ ...deps, away }, buffers, message.job));
        break;
      case 'stop':
        stop.abort(fail('client.interrupted'));
        break;
      case 'end':
        writer.close();
        bodies.close();
        port.close();
        break;
    }
  });
}

if (parentPort !== null) startWorker(parentPort, workerData as RestoreWorkerOptions);
