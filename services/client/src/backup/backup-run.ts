/** One backup from beginning to end: what was there before, the walk, the snapshot, and what is told about it. */
import { hostname, userInfo } from 'node:os';
import {
  encodeSnapshot,
  type FileMeta,
  gearTable,
  type Snapshot,
  type SnapshotRoot,
  TABLE_ENTRY_BYTES,
} from '@holdfast/codec';
import { systemClock } from '@holdfast/platform';
import { fail, HoldfastError, type PackId, toHex } from '@holdfast/protocol';
import { ChunkSet, Pipeline } from '../pipeline/index.ts';
import type { ClientContext, Vault } from '../ports.ts';
import {
  type ByteString,
  catalogDeviceNumbers,
  fromText,
  HardLinks,
  readOwners,
  statOf,
  toBytes,
  toText,
} from '../scan/index.ts';
import { throwIfStopped } from '../transport/index.ts';
import { learnIndex, PackAccess, readHead, reconcilePacks, type VaultHead } from '../vault/index.ts';
import { TOOL_VERSION } from '../version.ts';
import { Commits } from './commits.ts';
import { FileQueue } from './file-queue.ts';
import { findSameRecord, rememberRecord } from './last-record.ts';
import { type CopyFailure, NodeCopies } from './node-copies.ts';
import type { BackupOptions } from './options.ts';
import { publishSnapshot } from './publish.ts';
import { type BackupEvent, type BackupProgress, type BackupReport, IssueList } from './report.ts';
import { TreeWalk } from './tree-walk.ts';
import { TreeWriter } from './tree-writer.ts';
import { Uploads } from './uploads.ts';

/** How long after a failure the tidying up may take. */
const CLOSING_MS = 3000;
/** How long the nodes' copies of shard maps may keep a finished backup waiting. */
const COPIES_MS = 10_000;
const PROGRESS_MS = 200;
/** Set while packs are on their way: the run after a crash compares the catalog with the mediator's list. */
const UNFINISHED = 'unfinished-run';
const EXPECTED_BYTES = 'last-size-bytes';

export class BackupRun {
  readonly #context: ClientContext;
  readonly #options: BackupOptions;
  readonly #vault: Vault;
  readonly #access: PackAccess;
  readonly #startedMs: number;
  readonly #signal: AbortSignal;
  readonly #issues = { unreadable: new IssueList(), changed: new IssueList(), skipped: new IssueList() };
  readonly #failedNodes: CopyFailure[] = [];
  readonly #indexPacks: PackId[] = [];
  readonly #pipeline: Pipeline;
  readonly #uploads: Uploads;
  readonly #commits: Commits;
  readonly #copies: NodeCopies;
  readonly #files: FileQueue;
  #chunkSet: ChunkSet | undefined;
  #walk: TreeWalk | undefined;
  #isScanDone = false;

  constructor(context: ClientContext, options: BackupOptions, vault: Vault) {
    this.#context = context;
    this.#options = options;
    this.#vault = vault;
    this.#startedMs = context.clock.nowMs();
    this.#signal = options.signal ?? new AbortController().signal;
    this.#access = new PackAccess(context, { signal: this.#signal });
    const { keys, config, mediator, clock, logger } = context;
    this.#uploads = new Uploads({
      mediator,
      policy: vault.policy,
      clock,
      logger,
      bytesAhead: () => this.#bytesAhead(),
      onNodeFailed: (nodeId, detail) => {
        this.#failedNodes.push({ nodeId, detail });
        this.#tell({ type: 'node-failed', nodeId, detail });
      },
    });
    this.#copies = new NodeCopies(context, () => this.#uploads.targets(), this.#signal);
    this.#commits = new Commits({
      context,
      onCommitted: (packs) => {
        for (const { pack } of packs) if (pack.kind === 'index') this.#indexPacks.push(pack.packId);
        this.#copies.addMaps(packs);
      },
      onFailed: (error) => this.#stop(error),
    });
    this.#pipeline = new Pipeline({
      keys: { dataKey: keys.dataKey, chunkIdKey: keys.chunkIdKey, maskKey: keys.maskKey, gearKey: keys.gearKey },
      identitySeed: keys.identitySeed,
      signing: context.signing,
      caPem: config.caPem,
      policy: vault.policy,
      chunkSet: () => this.#knownChunks(),
      workerCount: options.workers,
      nowMs: () => clock.nowMs(),
      place: (request) => this.#uploads.place(request),
      onStored: (pack) => this.#commits.add(pack),
      ...options.pipeline,
    });
    this.#files = new FileQueue(this.#pipeline, (error) => this.#stop(error));
  }

  /** @throws HoldfastError; what was committed until then stays, and is not sent again next time */
  async run(directories: readonly string[]): Promise<BackupReport> {
    const onAbort = (): void => this.#stop(fail('client.interrupted'));
    this.#signal.addEventListener('abort', onAbort, { once: true });
    const progress = systemClock.schedule(PROGRESS_MS, () => this.#options.onProgress?.(this.#progress()));
    try {
      throwIfStopped(this.#signal);
      const head = await this.#prepare();
      const report = await this.#backUp(head, directories);
      this.#options.onProgress?.(this.#progress());
      return report;
    } catch (error) {
      // Whatever else went wrong was a consequence of the first failure.
      throw this.#pipeline.failure ?? error;
    } finally {
      this.#signal.removeEventListener('abort', onAbort);
      await progress.stop();
      await this.#close();
    }
  }

  /** The catalog knows what the vault has. */
  async #prepare(): Promise<VaultHead> {
    const { catalog } = this.#context;
    const head = await readHead(this.#context);
    const isIndexWhole = await this.#learnIndex(head);
    const { packs } = catalog.counts();
    if (!isIndexWhole || catalog.getFact(UNFINISHED) === 'yes' || packs !== this.#vault.packCount) {
      const { adopted, forgotten } = await reconcilePacks(this.#context, this.#access);
      this.#context.logger.info({ adopted, forgotten }, 'catalog compared with the mediator');
      this.#tell({ type: 'resumed', adoptedPacks: adopted, forgottenPacks: forgotten });
      // An index that is incomplete, or names packs that are gone, is written anew by this run.
      const isKnown = head.content.indexPacks.every((packId) => catalog.getPack(packId) !== undefined);
      if (!isKnown || forgotten > 0) catalog.forgetIndexPacks();
    }
    catalog.setFact(UNFINISHED, 'yes');
    return head;
  }

  /** False when the mediator has lost an index pack: the tables of the packs themselves tell the same. */
  async #learnIndex(head: VaultHead): Promise<boolean> {
    try {
      await learnIndex(this.#context, this.#access, head);
      return true;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'pack.unknown') throw error;
      this.#context.logger.warn({ detail: error.message }, 'an index pack is gone; reading the packs instead');
      return false;
    }
  }

  async #backUp(head: VaultHead, directories: readonly string[]): Promise<BackupReport> {
    const { catalog, keys } = this.#context;
    const run = catalog.directories.startRun();
    const trees = new TreeWriter(this.#pipeline, catalog.directories, run, gearTable(keys.gearKey));
    const roots = await this.#walkAll(trees, directories);
    if (roots.length === 0) throw this.#nothingReadable(directories);
    const snapshot = this.#describe(roots);
    const same = this.#pipeline.isUsed ? undefined : findSameRecord(catalog, snapshot, head.content.snapshots);
    const recordId = same ?? this.#pipeline.putChunk('tree', encodeSnapshot(snapshot));
    if (this.#pipeline.isUsed) await this.#flush();
    const { snapshotId, createdAtMs } = snapshot;
    const published = await publishSnapshot(
      {
        context: this.#context,
        access: this.#access,
        pipeline: this.#pipeline,
        flush: () => this.#flush(),
        indexPacks: () => this.#indexPacks,
        mostIndexPacks: this.#options.mostIndexPacks,
      },
      head,
      { snapshotId, createdAtMs, recordId },
    );
    catalog.directories.completeRun(run);
    rememberRecord(catalog, snapshot, recordId);
    catalog.setFact(EXPECTED_BYTES, String(snapshot.statistics.sizeBytes));
    await this.#leaveCopies(published);
    catalog.setFact(UNFINISHED, 'no');
    return this.#report(snapshot, same !== undefined);
  }

  /** Every directory's root, as far as it could be read, by its path's bytes. */
  async #walkAll(trees: TreeWriter, directories: readonly string[]): Promise<SnapshotRoot[]> {
    const { catalog, home } = this.#context;
    const walk = new TreeWalk({
      pipeline: this.#pipeline,
      files: this.#files,
      trees,
      cache: catalog.directories,
      chunkSet: () => this.#knownChunks(),
      sources: { owners: readOwners(), hardLinks: new HardLinks(catalogDeviceNumbers(catalog)) },
      home: statOf(fromText(home)),
      // File times are the system's, whatever clock the rest goes by.
      nowMs: () => systemClock.nowMs(),
      throwIfStopped: () => this.#throwIfFailed(),
      onIssue: (type, path, detail) => this.#issue(type, path, detail),
      onError: (error) => this.#stop(error),
    });
    this.#walk = walk;
    const paths = [...new Set(directories.map(fromText))].toSorted((a, b) => (a < b ? -1 : 1));
    const pending: Promise<{ path: ByteString; meta: FileMeta | undefined }>[] = [];
    for (const path of paths) {
      const done = Promise.withResolvers<{ path: ByteString; meta: FileMeta | undefined }>();
      pending.push(done.promise);
      await walk.walkRoot(path, (meta) => done.resolve({ path, meta }));
    }
    this.#isScanDone = true;
    this.#files.flush();
    const roots = await this.#pipeline.until(Promise.all(pending));
    this.#throwIfFailed();
    return roots.flatMap(({ path, meta }) => (meta === undefined ? [] : [{ path: toBytes(path), meta }]));
  }

  #describe(roots: readonly SnapshotRoot[]): Snapshot {
    const { counts } = this.#walk!;
    const unreadableCount = this.#issues.unreadable.count;
    return {
      snapshotId: toHex(this.#context.randomness.bytes(16)),
      createdAtMs: this.#context.clock.nowMs(),
      hostName: hostname(),
      userName: currentUser(),
      toolVersion: TOOL_VERSION,
      incomplete: unreadableCount > 0,
      statistics: {
        fileCount: counts.fileCount,
        directoryCount: counts.directoryCount,
        sizeBytes: counts.sizeBytes,
        addedBytes: this.#pipeline.counters.get('newBytes'),
        unreadableCount,
      },
      roots,
    };
  }

  /** All packs closed, stored and committed. */
  async #flush(): Promise<void> {
    await this.#pipeline.flush();
    await this.#commits.settle();
    this.#throwIfFailed();
  }

  async #leaveCopies({ token }: VaultHead): Promise<void> {
    const head = token === undefined ? undefined : this.#copies.putHead(token);
    await within(COPIES_MS, Promise.all([this.#copies.settle(), head]));
  }

  /** Ends everything; nothing that is under way is waited for long. */
  async #close(): Promise<void> {
    this.#context.catalog.directories.flush();
    const tidy = async (): Promise<void> => {
      await this.#commits.settle();
      await this.#copies.settle();
      await this.#uploads.close();
    };
    await within(CLOSING_MS, tidy());
    await this.#pipeline.close();
  }

  #stop(error: unknown): void {
    this.#pipeline.stop(
      error instanceof HoldfastError ? error : fail('internal.unexpected', { incident: String(error) }, error),
    );
  }

  #throwIfFailed(): void {
    if (this.#pipeline.failure !== undefined) throw this.#pipeline.failure;
  }

  /** Read from the catalog at the first need: a backup in which nothing changed has none. */
  #knownChunks(): ChunkSet {
    if (this.#chunkSet === undefined) {
      const { catalog } = this.#context;
      const set = ChunkSet.create(catalog.counts().chunks);
      for (const table of catalog.tables()) {
        for (let at = 0; at < table.length; at += TABLE_ENTRY_BYTES) set.claim(table, at);
      }
      this.#chunkSet = set;
    }
    return this.#chunkSet;
  }

  #bytesAhead(): { bytes: number; isAll: boolean } {
    const unplaced = Math.max(0, this.#pipeline.counters.get('newBytes') - this.#uploads.placedBytes);
    return { bytes: this.#files.bytesWaiting + unplaced, isAll: this.#isScanDone };
  }

  #issue(type: 'unreadable' | 'changed' | 'skipped', path: ByteString, detail: string): void {
    const issue = { path: toText(path), detail };
    this.#issues[type].add(issue);
    this.#tell({ type, ...issue });
  }

  #tell(event: BackupEvent): void {
    this.#options.onEvent?.(event);
  }

  #nothingReadable(directories: readonly string[]): HoldfastError {
    const [first] = [...this.#issues.unreadable.issues, ...this.#issues.skipped.issues];
    return fail('client.bad-directory', {
      path: first?.path ?? directories[0]!,
      detail: first?.detail ?? 'nothing there',
    });
  }

  #progress(): BackupProgress {
    const counts = this.#walk?.counts;
    const { counters } = this.#pipeline;
    return {
      filesFound: counts?.fileCount ?? 0,
      bytesFound: counts?.sizeBytes ?? 0,
      isScanDone: this.#isScanDone,
      expectedBytes: Number(this.#context.catalog.getFact(EXPECTED_BYTES) ?? 0),
      filesDone: (counts?.unchangedFiles ?? 0) + counters.get('filesRead'),
      bytesDone: (counts?.unchangedBytes ?? 0) + counters.get('bytesRead'),
      newBytes: counters.get('newBytes'),
      storedBytes: counters.get('storedBytes'),
    };
  }

  #report({ snapshotId, statistics }: Snapshot, unchanged: boolean): BackupReport {
    const { counters } = this.#pipeline;
    const { unreadable, changed, skipped } = this.#issues;
    return {
      snapshotId,
      unchanged,
      fileCount: statistics.fileCount,
      directoryCount: statistics.directoryCount,
      sizeBytes: statistics.sizeBytes,
      newBytes: counters.get('newBytes'),
      sealedBytes: counters.get('sealedBytes'),
      storedBytes: counters.get('storedBytes'),
      filesRead: counters.get('filesRead'),
      unreadable: unreadable.issues,
      unreadableCount: unreadable.count,
      changed: changed.issues,
      changedCount: changed.count,
      skipped: skipped.issues,
      skippedCount: skipped.count,
      failedNodes: this.#failedNodes,
      copyFailures: this.#copies.failures,
      durationMs: this.#context.clock.nowMs() - this.#startedMs,
    };
  }
}

/** Waits for the promise, but not longer than so many milliseconds of real time. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const timer = new AbortController();
  const timeout = systemClock.sleep(ms, timer.signal).catch(() => undefined);
  await Promise.race([promise, timeout]);
  timer.abort();
}

function currentUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A number without a name, as in containers.
    return '';
  }
}
