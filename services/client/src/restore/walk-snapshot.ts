/** Walks a snapshot's trees depth first, in the order of their names, leaving out what no pattern can select. */
import type { FileMeta, Snapshot, StreamRef, TreeEntry } from '@holdfast/codec';
import { fail } from '@holdfast/protocol';
import { latin1, type PatternState, type PathPatterns } from './path-pattern.ts';
import { isSafeName, joinPath, namesOfRoot, showPath } from './target-path.ts';

/** A directory on the way. */
export interface WalkedDirectory {
  /** The original absolute path. */
  readonly path: Buffer;
  /** Undefined for the directories above a snapshot's roots. */
  readonly meta: FileMeta | undefined;
  readonly parent: WalkedDirectory | undefined;
  /** The name in its parent; undefined for `/`. */
  readonly name: Uint8Array | undefined;
  /** It, and so all that is in it, is selected; otherwise only something below may be. */
  readonly isSelected: boolean;
}

export type WalkStep =
  | { readonly type: 'enter'; readonly directory: WalkedDirectory }
  | { readonly type: 'leave'; readonly directory: WalkedDirectory }
  /** A selected entry that is no directory. */
  | { readonly type: 'entry'; readonly directory: WalkedDirectory; readonly name: Uint8Array; readonly meta: FileMeta }
  /** A directory whose listing cannot be read (it is entered and left all the same), or an entry that is refused. */
  | { readonly type: 'broken'; readonly path: Buffer; readonly error: unknown };

export interface WalkOptions {
  readonly patterns: PathPatterns;
  readonly readDirectory: (tree: StreamRef) => AsyncIterable<TreeEntry>;
  /** Asked before a directory is entered; false leaves it out with all that is in it. */
  readonly enter?: (directory: WalkedDirectory) => boolean;
}

interface Level {
  readonly directory: WalkedDirectory;
  readonly state: PatternState;
  readonly entries: AsyncIterator<TreeEntry> | undefined;
}

/**
 * Directories come as enter and leave around what is in them. The directories above the roots come once each, however
 * many roots share them, and are left at the end.
 */
export async function* walkSnapshot(
  snapshot: Pick<Snapshot, 'roots'>,
  options: WalkOptions,
): AsyncGenerator<WalkStep, void, undefined> {
  const above = new Map<string, WalkedDirectory>();
  const whole = snapshot.roots.find(({ path }) => namesOfRoot(path)?.length === 0);
  const isSelected = whole !== undefined && options.patterns.start.verdict === 'selected';
  const top = { path: Buffer.from('/'), meta: whole?.meta, parent: undefined, name: undefined, isSelected };
  yield { type: 'enter', directory: top };
  for (const root of snapshot.roots) {
    const names = namesOfRoot(root.path);
    if (names === undefined) {
      yield { type: 'broken', path: Buffer.from(root.path), error: unsafeName(root.path) };
      continue;
    }
    yield* walkRoot(names, root.meta, { options, above, top });
  }
  for (const directory of [...above.values()].toReversed()) yield { type: 'leave', directory };
  yield { type: 'leave', directory: top };
}

async function* walkRoot(
  names: readonly Uint8Array[],
  meta: FileMeta,
  { options, above, top }: { options: WalkOptions; above: Map<string, WalkedDirectory>; top: WalkedDirectory },
): AsyncGenerator<WalkStep, void, undefined> {
  let state = options.patterns.start;
  let parent = top;
  for (const name of names.slice(0, -1)) {
    state = state.enter(latin1(name));
    if (state.verdict === 'out') return;
    const path = joinPath(parent.path, name);
    let directory = above.get(latin1(path));
    if (directory === undefined) {
      // Selected or not, nothing was saved of it.
      directory = { path, meta: undefined, parent, name, isSelected: false };
      above.set(latin1(path), directory);
      yield { type: 'enter', directory };
    }
    parent = directory;
  }
  const name = names.at(-1);
  if (name !== undefined) state = state.enter(latin1(name));
  yield* walkFrom(parent, name, meta, state, options);
}

async function* walkFrom(
  parent: WalkedDirectory,
  name: Uint8Array | undefined,
  meta: FileMeta,
  state: PatternState,
  options: WalkOptions,
): AsyncGenerator<WalkStep, void, undefined> {
  const stack: Level[] = [];
  // `/` itself as a root: it is there already.
  if (name === undefined) {
    yield* readLevel({ directory: parent, state, entries: open(meta, options) }, stack, options);
  } else {
    yield* visit({ directory: parent, state, entries: undefined }, name, meta, state, stack, options);
  }
  while (stack.length > 0) yield* readLevel(stack.pop()!, stack, options);
}

const open = (meta: FileMeta, { readDirectory }: WalkOptions): AsyncIterator<TreeEntry> =>
  readDirectory(meta.content!)[Symbol.asyncIterator]();

/** Goes on in one directory, until it ends or a directory in it is next. */
async function* readLevel(
  level: Level,
  stack: Level[],
  options: WalkOptions,
): AsyncGenerator<WalkStep, void, undefined> {
  for (;;) {
    let next: IteratorResult<TreeEntry, unknown>;
    try {
      next = await level.entries!.next();
    } catch (error) {
      yield { type: 'broken', path: level.directory.path, error };
      next = { done: true, value: undefined };
    }
    if (next.done === true) {
      if (level.directory.name !== undefined) yield { type: 'leave', directory: level.directory };
      return;
    }
    const { name, ...meta } = next.value;
    const state = level.state.enter(latin1(name));
    const depth = stack.length;
    yield* visit(level, name, meta, state, stack, options);
    if (stack.length > depth) {
      // The directory that was just entered comes first.
      stack.splice(depth, 0, level);
      return;
    }
  }
}

/** One entry. A directory that is entered is put on the stack. */
async function* visit(
  { directory: parent }: Level,
  name: Uint8Array,
  meta: FileMeta,
  state: PatternState,
  stack: Level[],
  options: WalkOptions,
): AsyncGenerator<WalkStep, void, undefined> {
  if (state.verdict === 'out') return;
  if (!isSafeName(name)) {
    yield { type: 'broken', path: parent.path, error: unsafeName(name) };
    return;
  }
  const isSelected = state.verdict === 'selected';
  if (meta.type !== 'directory') {
    if (isSelected) yield { type: 'entry', directory: parent, name, meta };
    return;
  }
  const directory: WalkedDirectory = { path: joinPath(parent.path, name), meta, parent, name, isSelected };
  if (options.enter?.(directory) === false) return;
  yield { type: 'enter', directory };
  stack.push({ directory, state, entries: open(meta, options) });
}

const unsafeName = (name: Uint8Array): Error =>
  fail('codec.damaged', { what: 'a name in the snapshot', detail: `${showPath(name)} could lead out of the target` });
