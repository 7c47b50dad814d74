/**
 * The directories that a restore writes into: made when first needed, never through a symlink; their modes and times are
 * set last, from the bottom up, when nothing below them changes any more.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  unlinkSync,
} from 'node:fs';
import type { FileMeta } from '@holdfast/codec';
import { fail } from '@holdfast/protocol';
import { applyAttributes } from './file-writer.ts';
import type { OwnerRules } from './owners.ts';
import { joinPath, showPath } from './target-path.ts';

/** Enough to fill it, for nobody else, whatever mode it gets in the end. */
const WORKING_MODE = 0o700;
const PLAIN_MODE = 0o755;
const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;
const LEFTOVER = /^\.holdfast-[0-9a-f]{16}-[0-9a-z]+\.part$/;

/** A name for a temporary file beside its target, which a later run recognises as litter. */
export const temporaryName = (runId: string, number: number): Buffer =>
  Buffer.from(`.holdfast-${runId}-${number.toString(36)}.part`);

export interface DirectoryNode {
  readonly path: Buffer;
  readonly parent: DirectoryNode | undefined;
  /** What was saved of it; undefined for one that no snapshot tells of. */
  readonly meta: FileMeta | undefined;
  /** It was selected itself, so that its mode and time are set even where it was there before. */
  readonly isSelected: boolean;
  /** Children that are not done, and 1 while the walk is in it. */
  pending: number;
  state: 'planned' | 'made' | 'found' | 'failed';
}

export interface DirectoriesOptions {
  readonly owners: OwnerRules;
  readonly fsync: boolean;
  /** Of this run: its own temporary files are no litter. */
  readonly runId: string;
  /** What lies in the way of a directory may be removed (unless it is a directory). */
  readonly replaceOthers: boolean;
  readonly onFailure: (path: Uint8Array, error: unknown) => void;
  readonly onDone: () => void;
}

export class Directories {
  readonly #options: DirectoriesOptions;

  constructor(options: DirectoriesOptions) {
    this.#options = options;
  }

  /** Not made yet: see `ensure`. */
  plan(
    parent: DirectoryNode | undefined,
    path: Buffer,
    meta: FileMeta | undefined,
    isSelected: boolean,
  ): DirectoryNode {
    return { path, parent, meta, isSelected, pending: 1, state: 'planned' };
  }

  /**
   * The directory is there afterwards, its parents too. False when it cannot be: that was told to `onFailure` once.
   */
  ensure(node: DirectoryNode): boolean {
    if (node.state !== 'planned') return node.state !== 'failed';
    if (node.parent !== undefined && !this.ensure(node.parent)) {
      node.state = 'failed';
      return false;
    }
    if (node.parent !== undefined) node.parent.pending += 1;
    try {
      node.state = this.#make(node);
    } catch (error) {
      node.state = 'failed';
      if (node.parent !== undefined) this.childDone(node.parent);
      this.#options.onFailure(node.path, error);
      return false;
    }
    if (node.state === 'found') this.#removeLeftovers(node.path);
    return true;
  }

  #make({ path }: DirectoryNode): 'made' | 'found' {
    try {
      mkdirSync(path, { mode: WORKING_MODE });
      return 'made';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const there = lstatSync(path);
    if (there.isDirectory()) return 'found';
    if (!this.#options.replaceOthers) {
      const detail = there.isSymbolicLink() ? 'a symlink is in the way' : 'a file is in the way of a directory';
      throw fail('client.not-writable', { path: showPath(path), detail });
    }
    unlinkSync(path);
    mkdirSync(path, { mode: WORKING_MODE });
    return 'made';
  }

  /** The walk has left the directory, or one of its children is done. */
  childDone(node: DirectoryNode): void {
    let current: DirectoryNode | undefined = node;
    while (current !== undefined) {
      current.pending -= 1;
      if (current.pending > 0) return;
      this.#finish(current);
      current = current.state === 'made' || current.state === 'found' ? current.parent : undefined;
    }
  }

  #finish({ path, meta, state, isSelected }: DirectoryNode): void {
    if (state !== 'made' && !(state === 'found' && isSelected)) return;
    try {
      const descriptor = openSync(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
      try {
        if (meta !== undefined) applyAttributes(descriptor, this.#options.owners.attributesOf(meta));
        else if (state === 'made') fchmodSync(descriptor, PLAIN_MODE);
        if (this.#options.fsync) fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
      if (meta !== undefined) this.#options.onDone();
    } catch (error) {
      this.#options.onFailure(path, error);
    }
  }

  /** What an interrupted restore left here. */
  #removeLeftovers(directory: Buffer): void {
    for (const name of readdirSync(directory, 'buffer')) {
      const text = name.toString('latin1');
      if (!LEFTOVER.test(text) || text.startsWith(`.holdfast-${this.#options.runId}-`)) continue;
      try {
        unlinkSync(joinPath(directory, name));
      } catch {
        // Somebody else's, or just removed: it does no harm here.
      }
    }
  }
}
