/** The pages of a directory as the backup before saw it, read one after the other alongside the new ones. */
import { decodeTree, type TreeEntry } from '@holdfast/codec';
import type { CachedDirectory, CachedPage, DirectoryCache } from '../catalog/index.ts';
import { type ByteString, type Identity, readIdentities } from '../scan/index.ts';

export interface OldEntry {
  readonly entry: TreeEntry;
  readonly identity: Identity;
}

interface OpenPage {
  readonly page: CachedPage;
  /** Decoded at first use. */
  identities: Identity[] | undefined;
  entries: Map<ByteString, OldEntry> | undefined;
}

export class OldPages {
  readonly #cache: DirectoryCache;
  readonly #path: Buffer;
  readonly #cached: CachedDirectory | undefined;
  readonly #open = new Map<number, OpenPage>();
  #first = 0;

  constructor(cache: DirectoryCache, path: Buffer, cached: CachedDirectory | undefined) {
    this.#cache = cache;
    this.#path = path;
    this.#cached = cached;
  }

  /** The page of that number as its bytes. */
  get(number: number): CachedPage | undefined {
    return this.#openPage(number)?.page;
  }

  /**
   * The entries of a range of names, for ranges that ascend from call to call; pages need not begin where they did.
   * The second map holds names that old pages have and the range's owner may not.
   */
  entriesBetween(first: ByteString, last: ByteString): Map<ByteString, OldEntry> {
    const found = new Map<ByteString, OldEntry>();
    for (let number = this.#first; ; number += 1) {
      const open = this.#openPage(number);
      if (open === undefined) return found;
      const identities = (open.identities ??= [...readIdentities(open.page.identities)]);
      if (identities.length > 0 && identities[0]!.name > last) return found;
      if (identities.length === 0 || identities.at(-1)!.name < first) {
        // The ranges to come lie behind this page too.
        this.#open.delete(number);
        this.#first = number + 1;
        continue;
      }
      for (const [name, old] of this.#entriesOf(open, identities))
        if (name >= first && name <= last) found.set(name, old);
    }
  }

  #entriesOf(open: OpenPage, identities: readonly Identity[]): Map<ByteString, OldEntry> {
    if (open.entries === undefined) {
      const byName = new Map(identities.map((identity) => [identity.name, identity]));
      open.entries = new Map();
      for (const entry of decodeTree(open.page.entries)) {
        const name = Buffer.from(entry.name).toString('latin1');
        // Entries that were left out have an identity only.
        const identity = byName.get(name);
        if (identity !== undefined) open.entries.set(name, { entry, identity });
      }
    }
    return open.entries;
  }

  #openPage(number: number): OpenPage | undefined {
    if (this.#cached === undefined || number >= this.#cached.pageCount) return undefined;
    let open = this.#open.get(number);
    if (open === undefined) {
      const page = this.#cache.getPage(this.#path, this.#cached.run, number);
      if (page === undefined) return undefined;
      open = { page, identities: undefined, entries: undefined };
      this.#open.set(number, open);
      // Two neighbours are all that overlap one range.
      this.#open.delete(number - 3);
    }
    return open;
  }
}
