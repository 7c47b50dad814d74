/**
 * Walks directories depth first in the order of their names, takes over what is unchanged, queues what has to be read,
 * and hands up trees as they become complete. Memory follows the files under way, not the tree.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FileMeta, StreamRef, TreeEntry } from '@holdfast/codec';
import type { CachedPage, DirectoryCache } from '../catalog/index.ts';
import type { ChunkSet, Pipeline } from '../pipeline/index.ts';
import {
  type ByteString,
  type FileStat,
  IdentityWriter,
  isGone,
  isSameFile,
  isSettled,
  joinPath,
  listNames,
  type MetaSources,
  statOf,
  systemCode,
  toBytes,
  toFileMeta,
  typeOf,
} from '../scan/index.ts';
import { DirectoryWalk, type DirectoryOutcome, type Page, type PendingEntry } from './directory-walk.ts';
import type { FileQueue } from './file-queue.ts';
import { OldPages, type OldEntry } from './old-pages.ts';
import type { TreeWriter } from './tree-writer.ts';

export interface WalkOptions {
  readonly pipeline: Pipeline;
  readonly files: FileQueue;
  readonly trees: TreeWriter;
  readonly cache: DirectoryCache;
  /** Asked for at the first need. */
  readonly chunkSet: () => ChunkSet;
  readonly sources: MetaSources;
  /** The client's own home, which no backup enters. */
  readonly home: Pick<FileStat, 'dev' | 'ino'> | undefined;
  readonly nowMs: () => number;
  /** Throws when the user stopped the backup. */
  readonly throwIfStopped: () => void;
  readonly onIssue: (type: 'unreadable' | 'changed' | 'skipped', path: ByteString, detail: string) => void;
  /** What went wrong while something was put together in the background. */
  readonly onError: (error: unknown) => void;
}

/** Counted while walking. */
export interface WalkCounts {
  fileCount: number;
  directoryCount: number;
  sizeBytes: number;
  /** Of them, what was taken over from the backup before. */
  unchangedFiles: number;
  unchangedBytes: number;
}

interface ListedPage {
  readonly entries: PendingEntry[];
  readonly identities: Buffer;
}

const PAGE_ENTRIES = 4096;
/** Files that were found and not read yet: the walk waits beyond it. */
const MOST_FILES_WAITING = 2048;
/** Entries listed between two turns of the event loop. */
const ENTRIES_PER_TURN = 512;

export class TreeWalk {
  readonly counts: WalkCounts = { fileCount: 0, directoryCount: 0, sizeBytes: 0, unchangedFiles: 0, unchangedBytes: 0 };
  readonly #options: WalkOptions;
  #entriesThisTurn = 0;

  constructor(options: WalkOptions) {
    this.#options = options;
  }

  /**
   * Walks one watched directory (or file). `onDone` gets what the snapshot says of it, when all below it is stored or
   * queued to be; undefined when it could not be read at all.
   */
  async walkRoot(path: ByteString, onDone: (meta: FileMeta | undefined) => void): Promise<void> {
    let stat: FileStat;
    try {
      stat = statOf(path);
    } catch (error) {
      this.#options.onIssue('unreadable', path, systemCode(error));
      onDone(undefined);
      return;
    }
    if (typeOf(stat) === 'directory') {
      await this.#walkDirectory(path, (outcome) =>
        onDone(outcome === undefined ? undefined : this.#metaOf(path, stat, outcome.tree)),
      );
      return;
    }
    if (this.#isSkipped(path, stat)) {
      onDone(undefined);
      return;
    }
    const entry = this.#pendingEntry(path, stat);
    this.#count(stat, false);
    if (!this.#startEntry(path, entry, () => onDone(entry.meta))) onDone(entry.meta);
  }

  async #walkDirectory(path: ByteString, onDone: (outcome: DirectoryOutcome | undefined) => void): Promise<void> {
    const { cache, trees, onIssue, onError } = this.#options;
    let names: ByteString[];
    try {
      names = listNames(path);
    } catch (error) {
      onIssue(isGone(error) ? 'changed' : 'unreadable', path, systemCode(error));
      onDone(isGone(error) ? undefined : { tree: trees.putEmpty(), isUnchanged: false, run: trees.run });
      return;
    }
    this.counts.directoryCount += 1;
    const pathBytes = toBytes(path);
    const cached = cache.get(pathBytes);
    const old = new OldPages(cache, pathBytes, cached);
    const walk = new DirectoryWalk({ path, cached, trees, onDone, onError });
    for (let from = 0; from < names.length; from += PAGE_ENTRIES) {
      await this.#walkPage(walk, names.slice(from, from + PAGE_ENTRIES), old, cached?.trusted === true);
    }
    walk.progress();
  }

  async #walkPage(walk: DirectoryWalk, names: ByteString[], old: OldPages, isTrusted: boolean): Promise<void> {
    const listed = await this.#listPage(walk.path, names);
    const same = isTrusted ? sameAs(old.get(walk.pageCount), listed.identities) : undefined;
    const page = walk.openPage(same);
    const children: { path: ByteString; onDone: (outcome: DirectoryOutcome | undefined) => void }[] = [];
    const before = same === undefined && names.length > 0 ? old.entriesBetween(names[0]!, names.at(-1)!) : undefined;
    if (before !== undefined) this.#forgetGone(walk.path, before, names);
    for (const entry of listed.entries) {
      const path = joinPath(walk.path, entry.name);
      if (typeOf(entry.stat) === 'directory') {
        page.pendingCount += 1;
        children.push({ path, onDone: (outcome) => this.#childDone(walk, page, path, entry, outcome) });
        if (same === undefined) page.entries.push(entry);
      } else if (same !== undefined) {
        this.#count(entry.stat, true);
      } else {
        page.entries.push(entry);
        this.#addEntry(walk, page, path, entry, before?.get(entry.name), isTrusted);
      }
    }
    for (const child of children) await this.#walkDirectory(child.path, child.onDone);
    walk.pageProgress(page);
    await this.#room();
  }

  #childDone(
    walk: DirectoryWalk,
    page: Page,
    path: ByteString,
    entry: PendingEntry,
    outcome: DirectoryOutcome | undefined,
  ): void {
    if (page.same !== undefined) page.children.set(entry.name, outcome);
    else if (outcome !== undefined) entry.meta = this.#metaOf(path, entry.stat, outcome.tree);
    walk.pageProgress(page);
  }

  /** A changed page's entry that is no directory: taken over, or made, or queued to be read. */
  #addEntry(
    walk: DirectoryWalk,
    page: Page,
    path: ByteString,
    entry: PendingEntry,
    before: OldEntry | undefined,
    isTrusted: boolean,
  ): void {
    if (
      before !== undefined &&
      isSameFile(before.identity, entry.stat) &&
      (isTrusted || this.#isStored(before.entry))
    ) {
      const { name: _name, ...meta } = before.entry;
      entry.meta = meta;
      this.#count(entry.stat, true);
      return;
    }
    this.#count(entry.stat, false);
    page.pendingCount += 1;
    if (!this.#startEntry(path, entry, () => walk.pageProgress(page))) page.pendingCount -= 1;
  }

  /** Fills in what needs no reading; true when a file was queued, and then calls `onDone` later. */
  #startEntry(path: ByteString, entry: PendingEntry, onDone: () => void): boolean {
    const { stat } = entry;
    if (typeOf(stat) !== 'file') {
      entry.meta = this.#metaOf(path, stat, undefined);
      return false;
    }
    if (stat.sizeBytes === 0) {
      entry.meta = this.#metaOf(path, stat, { sizeBytes: 0, depth: 0, ids: [] });
      return false;
    }
    this.#options.files.add(path, stat, (read) => {
      if ('unreadable' in read) {
        const isAway = read.unreadable === 'ENOENT' || read.unreadable === 'ELOOP';
        this.#options.onIssue(isAway ? 'changed' : 'unreadable', path, isAway ? 'vanished' : read.unreadable);
      } else {
        if (read.changed) this.#options.onIssue('changed', path, 'changed while it was read');
        if (read.stat !== stat) entry.isCertain = false;
        entry.stat = read.stat;
        entry.meta = this.#metaOf(path, read.stat, read.content);
      }
      onDone();
    });
    return true;
  }

  #metaOf(path: ByteString, stat: FileStat, content: StreamRef | undefined): FileMeta | undefined {
    try {
      return toFileMeta(this.#options.sources, path, stat, content);
    } catch (error) {
      if ((error as { syscall?: unknown }).syscall === undefined) throw error;
      this.#options.onIssue(isGone(error) ? 'changed' : 'unreadable', path, systemCode(error));
      return undefined;
    }
  }

  /** Every chunk that the entry names is in the vault. Of long files only lists are named: those are read again. */
  #isStored({ content }: TreeEntry): boolean {
    if (content === undefined) return true;
    return content.depth === 0 && content.ids.every((id) => this.#options.chunkSet().has(id));
  }

  async #listPage(directory: ByteString, names: readonly ByteString[]): Promise<ListedPage> {
    const entries: PendingEntry[] = [];
    const identities = new IdentityWriter();
    for (const name of names) {
      const path = joinPath(directory, name);
      let stat: FileStat;
      try {
        stat = statOf(path);
      } catch (error) {
        // Gone since the listing is as if it had been gone before.
        if (!isGone(error)) this.#options.onIssue('unreadable', path, systemCode(error));
        continue;
      }
      if (this.#isSkipped(path, stat)) continue;
      entries.push(this.#pendingEntry(name, stat));
      identities.add(name, stat, true);
      this.#entriesThisTurn += 1;
      if (this.#entriesThisTurn >= ENTRIES_PER_TURN) await this.#turn();
    }
    return { entries, identities: identities.bytes() };
  }

  #pendingEntry(name: ByteString, stat: FileStat): PendingEntry {
    // A file that was written to just now is read again next time.
    return { name, stat, meta: undefined, isCertain: isSettled(stat, this.#options.nowMs()) };
  }

  /** Rows of subdirectories that are there no more. */
  #forgetGone(directory: ByteString, before: ReadonlyMap<ByteString, OldEntry>, names: readonly ByteString[]): void {
    const left = new Set(names);
    for (const [name, { entry }] of before) {
      if (entry.type === 'directory' && !left.has(name)) this.#options.cache.remove(toBytes(joinPath(directory, name)));
    }
  }

  /** What has no place in a snapshot is not even compared: its comings and goings change nothing. */
  #isSkipped(path: ByteString, stat: FileStat): boolean {
    const { home, onIssue } = this.#options;
    const type = typeOf(stat);
    if (type === 'socket' || type === undefined) {
      onIssue('skipped', path, type ?? 'unknown type of file');
      return true;
    }
    if (home === undefined || home.dev !== stat.dev || home.ino !== stat.ino) return false;
    onIssue('skipped', path, 'the home of this client');
    return true;
  }

  #count(stat: FileStat, isUnchanged: boolean): void {
    const { counts } = this;
    const isFile = typeOf(stat) === 'file';
    counts.fileCount += 1;
    if (isFile) counts.sizeBytes += stat.sizeBytes;
    if (!isUnchanged) return;
    counts.unchangedFiles += 1;
    if (isFile) counts.unchangedBytes += stat.sizeBytes;
  }

  async #turn(): Promise<void> {
    this.#entriesThisTurn = 0;
    await nextTurn();
    this.#options.throwIfStopped();
  }

  /** Waits while too much is under way. */
  async #room(): Promise<void> {
    const { files, pipeline } = this.#options;
    this.#options.throwIfStopped();
    while (files.filesWaiting > MOST_FILES_WAITING || pipeline.isChunkQueueFull) {
      files.flush();
      await pipeline.news();
      this.#options.throwIfStopped();
    }
  }
}

const sameAs = (page: CachedPage | undefined, identities: Buffer): CachedPage | undefined =>
  page !== undefined && identities.equals(page.identities) ? page : undefined;
