/** One run of a restore: walks the snapshot, makes what needs no data, wants chunks, and publishes files as they fill. */
import { rmSync } from 'node:fs';
import { type FileMeta, type GetChunk, type Snapshot, type StreamRef, streamChunkIds } from '@holdfast/codec';
import { fail, toHex } from '@holdfast/protocol';
import type { ChunkPlace } from '../catalog/index.ts';
import { readDirectory } from '../vault/index.ts';
import { Directories, type DirectoryNode, temporaryName } from './directories.ts';
import { type ExistingPolicy, judgeExisting, lookAt } from './existing.ts';
import type { FileWriter } from './file-writer.ts';
import type { OwnerRules } from './owners.ts';
import type { PackQueue } from './pack-queue.ts';
import type { PackScheduler } from './pack-scheduler.ts';
import type { PathPatterns } from './path-pattern.ts';
import type { Publisher } from './publish.ts';
import { RestoredFile } from './restored-file.ts';
import { createHardLink, createSpecial, type SpecialPlace } from './special-entries.ts';
import { joinPath } from './target-path.ts';
import { type WalkedDirectory, walkSnapshot, type WalkStep } from './walk-snapshot.ts';

export interface TreeRestoreDeps {
  readonly target: Buffer;
  readonly existing: ExistingPolicy;
  readonly patterns: PathPatterns;
  readonly runId: string;
  readonly getChunk: GetChunk;
  readonly findChunk: (id: Uint8Array) => ChunkPlace | undefined;
  readonly queue: PackQueue<RestoredFile>;
  readonly scheduler: PackScheduler<RestoredFile>;
  readonly publisher: Publisher;
  /** For files that several jobs wrote to, and for empty ones. */
  readonly writer: FileWriter;
  readonly owners: OwnerRules;
  readonly fsync: boolean;
  readonly onFailure: (path: Uint8Array, error: unknown) => void;
  /** Its size in bytes is known from now on. */
  readonly onPlanned: (sizeBytes: number) => void;
  /** A regular file, or a further name of one (0 bytes), has its name. */
  readonly onFile: (sizeBytes: number) => void;
  readonly onDirectory: () => void;
  readonly onOther: () => void;
  readonly onSkipped: () => void;
  readonly onNote: (note: string) => void;
  /** All sizes are known. */
  readonly onWalked: () => void;
  /** Throws when the user wants it to end. */
  readonly throwIfStopped: () => void;
}

/** Chunks of one file between two looks at what is ready. */
const SETTLE_CHUNKS = 1024;

type FirstName = RestoredFile | { readonly path: Buffer };

export class TreeRestore {
  readonly #deps: TreeRestoreDeps;
  readonly #directories: Directories;
  readonly #nodes = new WeakMap<WalkedDirectory, DirectoryNode>();
  /** By hard-link group: what this run restored of it first. */
  readonly #firstNames = new Map<number, FirstName>();
  /** Those whose temporary files may be there. */
  readonly #open = new Set<RestoredFile>();
  #temporaries = 0;

  constructor(deps: TreeRestoreDeps) {
    this.#deps = deps;
    this.#directories = new Directories({
      owners: deps.owners,
      fsync: deps.fsync,
      runId: deps.runId,
      replaceOthers: deps.existing === 'overwrite',
      onFailure: deps.onFailure,
      onDone: deps.onDirectory,
    });
  }

  /**
   * Removes temporary files that did not become files. Call it when nobody can be writing to them. Only then are their
   * directories done: removing a file changes a directory's time.
   */
  removeLeftovers(): void {
    const created = [...this.#open].filter(({ isCreated }) => isCreated);
    for (const { temporary } of created) rmSync(temporary, { force: true });
    for (const file of created) if (file.failure !== undefined) this.#directories.childDone(file.directory);
  }

  async run(snapshot: Pick<Snapshot, 'roots'>): Promise<void> {
    const { queue, scheduler, publisher, patterns, getChunk } = this.#deps;
    const steps = walkSnapshot(snapshot, { patterns, readDirectory: (tree) => readDirectory(tree, getChunk) });
    for await (const step of steps) {
      this.#deps.throwIfStopped();
      await this.#take(step);
      queue.settle();
      const ready = queue.takeReady();
      if (ready.length === 0) continue;
      scheduler.submit(ready);
      await scheduler.room();
    }
    this.#deps.onWalked();
    queue.finish();
    scheduler.submit(queue.takeReady());
    await scheduler.finish();
    await publisher.finish();
  }

  async #take(step: WalkStep): Promise<void> {
    switch (step.type) {
      case 'enter':
        this.#enter(step.directory);
        break;
      case 'leave':
        this.#directories.childDone(this.#nodes.get(step.directory)!);
        break;
      case 'broken':
        this.#deps.onFailure(joinPath(this.#deps.target, step.path.subarray(1)), step.error);
        break;
      case 'entry':
        await this.#takeEntry(this.#nodes.get(step.directory)!, step.name, step.meta);
        break;
    }
  }

  #enter(directory: WalkedDirectory): void {
    const parent = directory.parent === undefined ? undefined : this.#nodes.get(directory.parent);
    const path = parent === undefined ? this.#deps.target : joinPath(parent.path, directory.name!);
    const node = this.#directories.plan(parent, path, directory.meta, directory.isSelected);
    this.#nodes.set(directory, node);
    if (directory.isSelected || parent === undefined) this.#directories.ensure(node);
  }

  async #takeEntry(directory: DirectoryNode, name: Uint8Array, meta: FileMeta): Promise<void> {
    const final = joinPath(directory.path, name);
    if (!this.#directories.ensure(directory)) {
      this.#deps.onFailure(final, fail('client.not-writable', { path: '', detail: 'its directory could not be made' }));
      return;
    }
    if (directory.state === 'found') {
      const verdict = judgeExisting(this.#deps.existing, meta, lookAt(final));
      if (verdict === 'skip') {
        this.#deps.onSkipped();
        return;
      }
      if (verdict === 'blocked-by-directory') {
        this.#fail(final, 'a directory is in the way');
        return;
      }
    }
    if (meta.xattrs !== undefined)
      this.#deps.onNote('Extended attributes were saved but cannot be restored by this version.');
    const place = { directory, final, temporary: this.#newTemporary(directory) };
    if (meta.hardLinkGroup !== undefined && this.#linkTo(this.#firstNames.get(meta.hardLinkGroup), place)) return;
    if (meta.type === 'file') await this.#takeFile(place, meta);
    else this.#takeSpecial(place, meta);
  }

  #fail(path: Buffer, detail: string): void {
    this.#deps.onFailure(path, fail('client.not-writable', { path: path.toString('utf8'), detail }));
  }

  #newTemporary(directory: DirectoryNode): Buffer {
    this.#temporaries += 1;
    return joinPath(directory.path, temporaryName(this.#deps.runId, this.#temporaries));
  }

  #takeSpecial({ final, temporary }: RestoredFile['links'][number], meta: FileMeta): void {
    const plain = `${this.#deps.target.toString('utf8')}/${temporaryName(this.#deps.runId, (this.#temporaries += 1)).toString()}`;
    const place: SpecialPlace = { final, temporary, plainTemporary: plain };
    try {
      createSpecial(meta, place, this.#deps.owners.attributesOf(meta));
    } catch (error) {
      this.#deps.onFailure(final, error);
      return;
    }
    if (meta.hardLinkGroup !== undefined) this.#firstNames.set(meta.hardLinkGroup, { path: final });
    this.#deps.onOther();
  }

  /** True when this is one more name of something that this run restores. */
  #linkTo(first: FirstName | undefined, place: RestoredFile['links'][number]): boolean {
    if (first === undefined || (first instanceof RestoredFile && first.failure !== undefined)) return false;
    if (first instanceof RestoredFile && !first.isPublished) {
      place.directory.pending += 1;
      first.links.push(place);
      return true;
    }
    this.#link(first instanceof RestoredFile ? first.final : first.path, place);
    return true;
  }

  #link(existing: Buffer, place: RestoredFile['links'][number]): void {
    try {
      createHardLink(existing, place);
      this.#deps.onFile(0);
    } catch (error) {
      this.#deps.onFailure(place.final, error);
    }
  }

  async #takeFile(place: RestoredFile['links'][number], meta: FileMeta): Promise<void> {
    const { sizeBytes } = meta.content!;
    const file = new RestoredFile({
      ...place,
      sizeBytes,
      sparse: meta.sparse === true,
      attributes: this.#deps.owners.attributesOf(meta),
    });
    this.#open.add(file);
    place.directory.pending += 1;
    if (meta.hardLinkGroup !== undefined) this.#firstNames.set(meta.hardLinkGroup, file);
    this.#deps.onPlanned(sizeBytes);
    try {
      await this.#wantChunks(file, meta.content!);
    } catch (error) {
      this.#deps.throwIfStopped();
      file.failure ??= error;
    }
    file.isPlanned = true;
    this.#advance(file);
  }

  async #wantChunks(file: RestoredFile, content: StreamRef): Promise<void> {
    let offset = 0;
    const want = (id: Uint8Array): void => {
      const place = this.#deps.findChunk(id);
      if (place === undefined) throw fail('chunk.unknown', { chunkId: toHex(id) });
      if (offset + place.plaintextBytes > file.sizeBytes) throw wrongLength(file);
      file.wantedWrites += 1;
      file.pendingWrites += 1;
      this.#deps.queue.want(place, file, offset);
      offset += place.plaintextBytes;
    };
    if (content.depth === 0) for (const id of content.ids) want(id);
    else {
      for await (const id of streamChunkIds(content, this.#deps.getChunk)) {
        want(id);
        if (file.wantedWrites % SETTLE_CHUNKS === 0) await this.#settleWithin();
      }
    }
    if (offset !== file.sizeBytes) throw wrongLength(file);
  }

  /** A file may be larger than what may wait. */
  async #settleWithin(): Promise<void> {
    this.#deps.throwIfStopped();
    this.#deps.queue.settle();
    this.#deps.scheduler.submit(this.#deps.queue.takeReady());
    await this.#deps.scheduler.room();
  }

  /** Told by the scheduler: so many writes to the file are done, or failed. */
  written(file: RestoredFile, writes: number, failure: unknown): void {
    file.pendingWrites -= writes;
    file.failure ??= failure;
    if (file.isInOneJob && failure === undefined) file.isFinished = true;
    this.#advance(file);
  }

  #advance(file: RestoredFile): void {
    if (!file.isPlanned || file.pendingWrites > 0) return;
    if (file.failure === undefined && !file.isFinished) {
      try {
        this.#finish(file);
      } catch (error) {
        file.failure = error;
      }
    }
    if (file.failure !== undefined) {
      this.#giveUp(file, file.failure);
      return;
    }
    const { temporary, final, sizeBytes } = file;
    this.#deps.publisher.add({ temporary, final, sizeBytes, onPublished: (error) => this.#published(file, error) });
  }

  #finish(file: RestoredFile): void {
    if (file.wantedWrites === 0) this.#deps.writer.createEmpty(file.describe(0));
    else this.#deps.writer.finish(file.describe(0));
    file.isFinished = true;
  }

  #published(file: RestoredFile, error: unknown): void {
    if (error !== undefined) {
      this.#giveUp(file, error);
      return;
    }
    file.isPublished = true;
    this.#open.delete(file);
    this.#deps.onFile(file.sizeBytes);
    for (const link of file.links.splice(0)) {
      this.#link(file.final, link);
      this.#directories.childDone(link.directory);
    }
    this.#directories.childDone(file.directory);
  }

  /** Its temporary file is removed at the end of the run, when nobody can be writing to it. */
  #giveUp(file: RestoredFile, error: unknown): void {
    file.failure = error;
    this.#deps.onFailure(file.final, error);
    for (const link of file.links.splice(0)) {
      this.#deps.onFailure(link.final, error);
      this.#directories.childDone(link.directory);
    }
    if (!file.isCreated) this.#directories.childDone(file.directory);
  }
}

const wrongLength = (file: RestoredFile): Error =>
  fail('codec.damaged', {
    what: 'a file in the snapshot',
    detail: `its chunks do not add up to ${file.sizeBytes} bytes`,
  });
