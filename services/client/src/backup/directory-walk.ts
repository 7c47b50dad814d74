/** One directory of a walk: its pages, what is still on its way in them, and what becomes of it when all has come. */
import { decodeTree, encodeTree, type FileMeta, type StreamRef } from '@holdfast/codec';
import type { CachedDirectory, CachedPage } from '../catalog/index.ts';
import { type ByteString, type FileStat, fromBytes, IdentityWriter, toBytes } from '../scan/index.ts';
import type { TreeWriter } from './tree-writer.ts';

/** A directory's tree, and whether all of it is as it was before. */
export interface DirectoryOutcome {
  readonly tree: StreamRef;
  readonly isUnchanged: boolean;
  /** The run that wrote its rows. */
  readonly run: number;
}

/** An entry whose content may still be on its way. */
export interface PendingEntry {
  readonly name: ByteString;
  stat: FileStat;
  /** Undefined while pending, and for good when it is left out. */
  meta: FileMeta | undefined;
  /** Whether its stat may be believed next time. */
  isCertain: boolean;
}

/** Entries of one directory that are cached, compared and written as one. */
export interface Page {
  readonly number: number;
  /** As before, all of its own entries: then only subdirectories are in `children`, else every entry in `entries`. */
  readonly same: CachedPage | undefined;
  readonly entries: PendingEntry[];
  readonly children: Map<ByteString, DirectoryOutcome | undefined>;
  /** Contents and subdirectories that are on their way, and one for the listing itself. */
  pendingCount: number;
}

export interface DirectoryWalkOptions {
  readonly path: ByteString;
  readonly cached: CachedDirectory | undefined;
  readonly trees: TreeWriter;
  readonly onDone: (outcome: DirectoryOutcome) => void;
  readonly onError: (error: unknown) => void;
}

export class DirectoryWalk {
  readonly path: ByteString;
  readonly #options: DirectoryWalkOptions;
  readonly #pathBytes: Buffer;
  /** Pages, and one for the listing itself. */
  #pendingCount = 1;
  #pageCount = 0;
  /** Same pages are not written until one is not. */
  readonly #reused: { readonly number: number; readonly page: CachedPage }[] = [];
  #isReused: boolean;
  #onlyPage: Uint8Array | undefined;

  constructor(options: DirectoryWalkOptions) {
    this.path = options.path;
    this.#options = options;
    this.#pathBytes = toBytes(options.path);
    this.#isReused = options.cached?.trusted === true;
  }

  /** Opened so far: the number of the next one. */
  get pageCount(): number {
    return this.#pageCount;
  }

  openPage(same: CachedPage | undefined): Page {
    const page: Page = { number: this.#pageCount, same, entries: [], children: new Map(), pendingCount: 1 };
    this.#pageCount += 1;
    this.#pendingCount += 1;
    return page;
  }

  /** Call it once a page's listing, and for each of its pending contents and children. */
  pageProgress(page: Page): void {
    page.pendingCount -= 1;
    if (page.pendingCount > 0) return;
    try {
      this.#finishPage(page);
      this.progress();
    } catch (error) {
      this.#options.onError(error);
    }
  }

  /** Call it once when all pages were opened. */
  progress(): void {
    this.#pendingCount -= 1;
    if (this.#pendingCount === 0) this.#finish().catch(this.#options.onError);
  }

  #finishPage(page: Page): void {
    const { cached } = this.#options;
    const before = cached?.run ?? 0;
    const isUnchanged =
      page.same !== undefined &&
      [...page.children.values()].every((child) => child !== undefined && child.isUnchanged && child.run <= before);
    const row = isUnchanged
      ? page.same
      : page.same === undefined
        ? encodePage(page)
        : patchPage(page.same, page.children);
    if (isUnchanged && this.#isReused) {
      this.#reused.push({ number: page.number, page: row });
      return;
    }
    this.#writeReused();
    this.#writePage(page.number, row);
  }

  /** Something differs: the pages that were left alone so far belong to this run's rows too. */
  #writeReused(): void {
    this.#isReused = false;
    for (const { number, page } of this.#reused.splice(0)) this.#writePage(number, page);
  }

  #writePage(number: number, page: CachedPage): void {
    if (number === 0) this.#onlyPage = page.entries;
    this.#options.trees.putPage(this.#pathBytes, number, page);
  }

  async #finish(): Promise<void> {
    const { cached, trees, onDone } = this.#options;
    if (this.#isReused && cached!.pageCount === this.#pageCount) {
      onDone({ tree: cached!.tree, isUnchanged: true, run: cached!.run });
      return;
    }
    this.#writeReused();
    const onlyPage = this.#pageCount === 1 ? this.#onlyPage : undefined;
    const tree = await trees.finish(this.#pathBytes, this.#pageCount, onlyPage, true);
    onDone({ tree, isUnchanged: false, run: trees.run });
  }
}

/** Entries that were left out keep an uncertain identity, so that the page never looks the same while they are there. */
function encodePage({ entries }: Page): CachedPage {
  const identities = new IdentityWriter();
  for (const { name, stat, isCertain, meta } of entries) identities.add(name, stat, isCertain && meta !== undefined);
  const kept = entries.filter(({ meta }) => meta !== undefined);
  return {
    identities: identities.bytes(),
    entries: encodeTree(kept.map(({ name, meta }) => ({ ...meta!, name: toBytes(name) }))),
  };
}

/** The same entries, but for subdirectories whose trees are new or that are gone. */
function patchPage(same: CachedPage, children: ReadonlyMap<ByteString, DirectoryOutcome | undefined>): CachedPage {
  const entries = decodeTree(same.entries).flatMap((entry) => {
    const name = fromBytes(entry.name);
    if (!children.has(name)) return [entry];
    const child = children.get(name);
    return child === undefined ? [] : [{ ...entry, content: child.tree }];
  });
  return { identities: same.identities, entries: encodeTree(entries) };
}
