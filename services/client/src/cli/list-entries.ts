/** What is in a directory of a snapshot: the roots, the directories above them, and their trees. */
import { type FileMeta, type GetChunk, readStream, readTree, type Snapshot, type SnapshotRoot } from '@holdfast/codec';
import { fail } from '@holdfast/protocol';
import { joinPath, namesOfRoot, showPath } from '../restore/target-path.ts';

export interface ListedEntry {
  readonly path: Buffer;
  /** Undefined for directories above the roots, of which nothing is stored. */
  readonly meta: FileMeta | undefined;
}

export const rootTexts = (roots: readonly SnapshotRoot[]): string[] => roots.map(({ path }) => showPath(path));

/** The entries to list for `path`; the roots themselves without one. @throws HoldfastError `client.no-match` */
export async function* listEntries(
  snapshot: Snapshot,
  getChunk: GetChunk,
  { path, recursive }: { readonly path: string | undefined; readonly recursive: boolean },
): AsyncGenerator<ListedEntry, void, undefined> {
  if (path === undefined) {
    for (const root of snapshot.roots) yield* withContents(getChunk, Buffer.from(root.path), root.meta, recursive);
    return;
  }
  const wanted = Buffer.from(path);
  const found = await findEntry(snapshot, getChunk, wanted);
  if (found?.type === 'directory') {
    for await (const entry of contentsOf(getChunk, wanted, found)) {
      yield* withContents(getChunk, entry.path, entry.meta!, recursive);
    }
  } else if (found !== undefined) {
    yield { path: wanted, meta: found };
  } else {
    yield* aboveRoots(snapshot, getChunk, wanted, recursive);
  }
}

async function* withContents(
  getChunk: GetChunk,
  path: Buffer,
  meta: FileMeta,
  recursive: boolean,
): AsyncGenerator<ListedEntry, void, undefined> {
  yield { path, meta };
  if (!recursive || meta.type !== 'directory') return;
  for await (const entry of contentsOf(getChunk, path, meta))
    yield* withContents(getChunk, entry.path, entry.meta!, true);
}

async function* contentsOf(
  getChunk: GetChunk,
  path: Buffer,
  meta: FileMeta,
): AsyncGenerator<ListedEntry, void, undefined> {
  for await (const { name, ...entry } of readTree(readStream(meta.content!, getChunk))) {
    yield { path: joinPath(path, name), meta: entry };
  }
}

/** Goes down from the nearest root. */
async function findEntry(snapshot: Snapshot, getChunk: GetChunk, wanted: Buffer): Promise<FileMeta | undefined> {
  const names = namesOfRoot(wanted) ?? [];
  const nearest = snapshot.roots
    .map((root) => ({ root, depth: depthBelow(root.path, names) }))
    .filter((candidate): candidate is { root: SnapshotRoot; depth: number } => candidate.depth !== undefined)
    .toSorted((a, b) => b.depth - a.depth)[0];
  if (nearest === undefined) return undefined;
  let meta = nearest.root.meta;
  for (const name of names.slice(nearest.depth)) {
    if (meta.type !== 'directory') return undefined;
    const next = await nameIn(getChunk, meta, name);
    if (next === undefined) return undefined;
    meta = next;
  }
  return meta;
}

/** How many names the root has, if the wanted path begins with them. */
function depthBelow(root: Uint8Array, names: readonly Uint8Array[]): number | undefined {
  const rootNames = namesOfRoot(root) ?? [];
  const isBegun = rootNames.every(
    (name, index) => names[index] !== undefined && Buffer.compare(name, names[index]) === 0,
  );
  return isBegun ? rootNames.length : undefined;
}

async function nameIn(getChunk: GetChunk, directory: FileMeta, name: Uint8Array): Promise<FileMeta | undefined> {
  for await (const entry of readTree(readStream(directory.content!, getChunk))) {
    if (Buffer.compare(entry.name, name) === 0) return entry;
  }
  return undefined;
}

/** `/home` where the roots are `/home/ann` and `/home/bob/notes`: `/home/ann`, `/home/bob`. */
async function* aboveRoots(
  snapshot: Snapshot,
  getChunk: GetChunk,
  wanted: Buffer,
  recursive: boolean,
): AsyncGenerator<ListedEntry, void, undefined> {
  const names = namesOfRoot(wanted) ?? [];
  const below = snapshot.roots.filter(({ path }) => {
    const rootNames = namesOfRoot(path) ?? [];
    return (
      rootNames.length > names.length && names.every((name, index) => Buffer.compare(name, rootNames[index]!) === 0)
    );
  });
  if (below.length === 0) throw fail('client.no-match', { pattern: showPath(wanted) });
  const seen = new Set<string>();
  for (const { path, meta } of below) {
    const rootNames = namesOfRoot(path)!;
    const next = joinPath(wanted, rootNames[names.length]!);
    if (rootNames.length === names.length + 1) yield* withContents(getChunk, next, meta, recursive);
    else if (recursive) yield* withContents(getChunk, Buffer.from(path), meta, true);
    else if (!seen.has(next.toString('latin1'))) yield { path: next, meta: undefined };
    seen.add(next.toString('latin1'));
  }
}
