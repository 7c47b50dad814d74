/**
 * Scheduling on BullMQ: on Redis where there is one, else in a schema of its own in the database. The queue only wakes
 * somebody; what is to be done lies in our rows, so nothing is lost with it, and it may be emptied at any time.
 */
import { errorText, type Logger } from '@holdfast/platform';
import { createPostgresBackend, Queue, runMigrations, Worker, withBackend } from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';
import { type Scheduling, type StartScheduling, WORK_NAMES, type WorkName, type Works } from '../jobs/index.ts';

export interface QueueOptions {
  /** `redis://…`; absent: the database. */
  readonly redisUrl?: string;
  readonly databaseUrl: string;
  readonly logger: Logger;
  /** Of errors of works: without what must not be logged. */
  readonly loggable: (error: unknown) => unknown;
  /** Works at once in this process. Default 6. */
  readonly maxConcurrent?: number;
  /** A work whose process says nothing for so long is taken by another one. Default 30 s. */
  readonly lockMs?: number;
}

const QUEUE = 'holdfast-works';
const SCHEMA = 'holdfast_queue';
/** A queue that was emptied meanwhile learns again what to schedule. */
const RENEW_MS = 15_000;
const KEPT = { removeOnComplete: { count: 10 }, removeOnFail: { count: 50 } } as const;

/** What both backends' queues and workers have. */
interface QueueEnd {
  upsertJobScheduler(
    id: string,
    repeat: { readonly every: number },
    template: { readonly name: string; readonly opts: typeof KEPT },
  ): Promise<unknown>;
  getJobSchedulers(): Promise<readonly { readonly key: string; readonly every?: number | string }[]>;
  removeJobScheduler(id: string): Promise<unknown>;
  add(name: string, data: object, opts: typeof KEPT): Promise<unknown>;
  on(event: 'error', listener: (error: Error) => void): unknown;
  close(): Promise<void>;
}
interface WorkerEnd {
  on(event: 'error', listener: (error: Error) => void): unknown;
  on(event: 'completed', listener: () => void): unknown;
  close(): Promise<void>;
}

interface Ends {
  readonly queue: QueueEnd;
  readonly worker: WorkerEnd;
  /** Whenever a connection was made: the server may be another one, or empty. */
  onConnected?(listener: () => void): void;
  close(): Promise<void>;
}
type Process = (job: { readonly name: string }) => Promise<void>;

export function createQueueScheduling(options: QueueOptions): StartScheduling {
  return async (works) => {
    const { logger, loggable } = options;
    const process: Process = async ({ name }) => {
      const work = Object.hasOwn(works, name) ? works[name as WorkName] : undefined;
      try {
        await work?.run();
      } catch (error) {
        logger.error({ work: name, err: loggable(error) }, 'a work failed; it is done with the next turn');
      }
    };
    const ends = options.redisUrl === undefined ? await onPostgres(options, process) : onRedis(options, process);
    // One line for an outage, not one for each of its failures.
    const told = createOutageLog(logger);
    ends.queue.on('error', told.failed);
    ends.worker.on('error', told.failed);
    ends.worker.on('completed', told.works);
    return schedule(ends, works, logger);
  };
}

function schedule(ends: Ends, works: Works, logger: Logger): Scheduling {
  const { queue } = ends;
  let isStopping = false;
  let renewing: Promise<void> = Promise.resolve();
  const renew = async (): Promise<void> => {
    await forgetOthers(queue, works);
    for (const name of WORK_NAMES) {
      if (isStopping) return;
      await queue.upsertJobScheduler(name, { every: works[name].everyMs }, { name, opts: KEPT });
    }
  };
  // While the queue is away this waits or fails, and the next turn does it.
  const renewSoon = (): void => {
    renewing = renewing.then(renew).catch((error: unknown) => {
      if (!isStopping)
        logger.warn({ detail: errorText(error) }, 'the queue did not take the schedule; it is told again');
    });
  };
  renewSoon();
  ends.onConnected?.(renewSoon);
  const timer = setInterval(renewSoon, RENEW_MS);
  timer.unref();
  return {
    wake(name) {
      if (!isStopping) queue.add(name, {}, KEPT).catch(() => undefined);
    },
    async stop() {
      isStopping = true;
      clearInterval(timer);
      await ends.close();
      await renewing;
    },
  };
}

/**
 * What an earlier version or another setting scheduled: a work that is no more, or one whose new interval would only begin
 * when the old one has passed.
 */
async function forgetOthers(queue: QueueEnd, works: Works): Promise<void> {
  for (const { key, every } of await queue.getJobSchedulers()) {
    const work = Object.hasOwn(works, key) ? works[key as WorkName] : undefined;
    if (Number(every) !== work?.everyMs) await queue.removeJobScheduler(key);
  }
}

const workerSettings = ({ maxConcurrent = 6, lockMs = 30_000 }: QueueOptions) => ({
  concurrency: maxConcurrent,
  lockDuration: lockMs,
  stalledInterval: lockMs,
  maxStalledCount: 10,
  ...KEPT,
});

function onRedis(options: QueueOptions, process: Process): Ends {
  const connect = (): Redis => new Redis(options.redisUrl!, { maxRetriesPerRequest: null, lazyConnect: false });
  const [forQueue, forWorker] = [connect(), connect()];
  const queue = new Queue(QUEUE, { connection: forQueue });
  const worker = new Worker(QUEUE, process, { connection: forWorker, ...workerSettings(options) });
  return {
    queue,
    worker,
    onConnected: (listener) => void forQueue.on('ready', listener),
    async close() {
      await closeEnds(queue, worker);
      forQueue.disconnect();
      forWorker.disconnect();
    },
  };
}

/** A pool of its own: what it loses at a crash is made again, so its commits need not wait for the disk. */
async function onPostgres(options: QueueOptions, process: Process): Promise<Ends> {
  const client = new pg.Client({ connectionString: options.databaseUrl });
  // A connection that breaks is told by the next query, which fails.
  client.on('error', () => undefined);
  await client.connect();
  try {
    await runMigrations(client, SCHEMA);
  } finally {
    await client.end();
  }
  const connection = {
    connectionString: options.databaseUrl,
    schema: SCHEMA,
    options: '-c synchronous_commit=off',
    max: 4,
    keepAlive: true,
    application_name: 'holdfast-mediator-queue',
  };
  const classes = withBackend(createPostgresBackend);
  const queue = new classes.Queue(QUEUE, { connection });
  const worker = new classes.Worker(QUEUE, process, { connection, ...workerSettings(options) });
  return { queue, worker, close: () => closeEnds(queue, worker) };
}

const CLOSE_MS = 10_000;

/** What runs is waited for; a queue that is away is not. */
async function closeEnds(queue: QueueEnd, worker: WorkerEnd): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, CLOSE_MS);
  await Promise.race([worker.close().then(() => queue.close()), late.promise]).catch(() => undefined);
  clearTimeout(timer);
}

function createOutageLog(logger: Logger): { failed: (error: Error) => void; works: () => void } {
  let isOut = false;
  return {
    failed: (error) => {
      if (!isOut) logger.warn({ detail: errorText(error) }, 'the queue is away; what is to be done waits in its rows');
      isOut = true;
    },
    works: () => {
      if (isOut) logger.info('the queue is back');
      isOut = false;
    },
  };
}
