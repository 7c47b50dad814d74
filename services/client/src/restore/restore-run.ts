/** Puts the parts of a restore together: threads, queue, scheduler, publisher; and counts what they do. */
import type { GetChunk, Snapshot } from '@holdfast/codec';
import { fail, toHex } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import { throwIfStopped } from '../transport/index.ts';
import type { FaultLog } from './faults.ts';
import { FileWriter } from './file-writer.ts';
import type { JobNews } from './job.ts';
import { createOwnerRules, type OwnerRules } from './owners.ts';
import { PackQueue } from './pack-queue.ts';
import { PackScheduler } from './pack-scheduler.ts';
import { compilePatterns } from './path-pattern.ts';
import { findSync, Publisher } from './publish.ts';
import { FailureLog, type RestoreReport } from './report.ts';
import type { RestoreOptions } from './restore.ts';
import { TreeRestore } from './restore-tree.ts';
import type { RestoredFile } from './restored-file.ts';
import { WorkerPool, workerOptionsOf } from './worker-pool.ts';

/** Writes that may wait for the rest of their packs: some 60 MB. */
const MAX_PENDING_WRITES = 250_000;
const STALE_AFTER_WANTS = 20_000;
const DEFAULT_WORKERS = 2;

interface RunSetting {
  readonly target: Buffer;
  readonly getChunk: GetChunk;
  readonly faults: FaultLog;
}

type RunResult = Omit<RestoreReport, 'snapshotId' | 'snapshotCreatedAtMs' | 'target' | 'faults' | 'durationMs'>;

export class RestoreRun {
  readonly #context: ClientContext;
  readonly #options: RestoreOptions;
  readonly #setting: RunSetting;
  readonly #failures: FailureLog;
  readonly #owners: OwnerRules;
  readonly #notes = new Set<string>();
  readonly #counts = { files: 0, directories: 0, others: 0, sizeBytes: 0, fetchedBytes: 0, skipped: 0 };
  readonly #planned = { files: 0, totalBytes: 0, isPlanned: false };
  #writtenBytes = 0;

  constructor(context: ClientContext, options: RestoreOptions, setting: RunSetting) {
    this.#context = context;
    this.#options = options;
    this.#setting = setting;
    this.#failures = new FailureLog((item) => options.onEvent?.({ type: 'not-restored', item }));
    const effectiveUid = process.geteuid?.() ?? -1;
    const groups = [...(process.getgroups?.() ?? []), process.getegid?.() ?? -1];
    this.#owners = createOwnerRules({ effectiveUid, groups });
  }

  async run(snapshot: Snapshot): Promise<RunResult> {
    const { signal, workers = DEFAULT_WORKERS } = this.#options;
    // Everything is put back in its place: perhaps on several file systems.
    const sync = await findSync(this.#options.target, () => this.#options.target !== '/');
    const fsyncFiles = sync === undefined;
    const publisher = new Publisher(sync);
    const writer = new FileWriter({ fsyncFiles });
    const pool = new WorkerPool(
      workers,
      workerOptionsOf(this.#context, { fsyncFiles, stallTimeoutMs: this.#options.stallTimeoutMs }),
      this.#news(),
    );
    const onStop = (): void => pool.stop();
    signal?.addEventListener('abort', onStop, { once: true });
    const tree = this.#createTree(pool, publisher, writer, fsyncFiles);
    try {
      await tree.run(snapshot);
    } finally {
      signal?.removeEventListener('abort', onStop);
      pool.stop();
      await pool.close();
      writer.close();
      tree.removeLeftovers();
    }
    await publisher.settle();
    this.#tell();
    return {
      ...this.#counts,
      notRestored: this.#failures.listed,
      notRestoredCount: this.#failures.count,
      notes: [...this.#notes, ...this.#owners.notes()],
    };
  }

  #createTree(runner: WorkerPool, publisher: Publisher, writer: FileWriter, fsync: boolean): TreeRestore {
    const { catalog, mediator, randomness } = this.#context;
    const queue = new PackQueue<RestoredFile>({
      maxPendingWrites: MAX_PENDING_WRITES,
      staleAfterWants: STALE_AFTER_WANTS,
      tableOf: (packId) => {
        const pack = catalog.getPack(packId);
        if (pack === undefined) throw fail('pack.unknown', { packId });
        return pack.table;
      },
    });
    const scheduler = new PackScheduler<RestoredFile>({
      mediator,
      runner,
      describe: (file, writes) => file.describe(writes),
      onWritten: (file, writes, failure) => tree.written(file, writes, failure),
    });
    const tree: TreeRestore = new TreeRestore({
      target: this.#setting.target,
      existing: this.#options.existing,
      patterns: compilePatterns(this.#options.include),
      runId: toHex(randomness.bytes(8)),
      getChunk: this.#setting.getChunk,
      findChunk: (id) => catalog.findChunk(id),
      queue,
      scheduler,
      publisher,
      writer,
      owners: this.#owners,
      fsync,
      ...this.#listeners(),
    });
    return tree;
  }

  #listeners(): Pick<
    ConstructorParameters<typeof TreeRestore>[0],
    | 'onFailure'
    | 'onPlanned'
    | 'onFile'
    | 'onDirectory'
    | 'onOther'
    | 'onSkipped'
    | 'onNote'
    | 'onWalked'
    | 'throwIfStopped'
  > {
    const counts = this.#counts;
    return {
      onFailure: (path, error) => {
        throwIfStopped(this.#options.signal);
        this.#failures.add(path, error);
      },
      onPlanned: (sizeBytes) => {
        this.#planned.files += 1;
        this.#planned.totalBytes += sizeBytes;
      },
      onFile: (sizeBytes) => {
        counts.files += 1;
        counts.sizeBytes += sizeBytes;
        this.#tell();
      },
      onDirectory: () => (counts.directories += 1),
      onOther: () => (counts.others += 1),
      onSkipped: () => (counts.skipped += 1),
      onNote: (note) => this.#notes.add(note),
      onWalked: () => (this.#planned.isPlanned = true),
      throwIfStopped: () => throwIfStopped(this.#options.signal),
    };
  }

  #news(): JobNews {
    return {
      onFault: (fault) => this.#setting.faults.add(fault),
      onFetched: (count) => {
        this.#counts.fetchedBytes += count;
        this.#tell();
      },
      onWritten: (count) => {
        this.#writtenBytes += count;
        this.#tell();
      },
    };
  }

  #tell(): void {
    this.#options.onProgress?.({
      ...this.#planned,
      doneFiles: this.#counts.files,
      doneBytes: this.#writtenBytes,
      fetchedBytes: this.#counts.fetchedBytes,
    });
  }
}
