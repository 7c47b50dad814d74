/** What must be right before a restore writes anything: matching patterns, room, and nothing in the way. */
import type { GetChunk, Snapshot } from '@holdfast/codec';
import { fail } from '@holdfast/protocol';
import { readDirectory } from '../vault/index.ts';
import { type ExistingPolicy, lookAt } from './existing.ts';
import { compilePatterns } from './path-pattern.ts';
import { freeBytesAt } from './target.ts';
import { joinPath, showPath } from './target-path.ts';
import { walkSnapshot } from './walk-snapshot.ts';

export interface CheckTargetOptions {
  readonly target: Buffer;
  readonly include: readonly string[];
  readonly existing: ExistingPolicy;
  readonly getChunk: GetChunk;
}

/** @throws HoldfastError `client.no-match`, `client.target-exists`, `client.no-space` */
export async function checkTarget(snapshot: Snapshot, options: CheckTargetOptions): Promise<void> {
  if (options.existing === 'fail') await refuseExisting(snapshot, options);
  const freeBytes = freeBytesAt(options.target);
  const isSurelyEnough = snapshot.statistics.sizeBytes <= freeBytes;
  if (isSurelyEnough && options.include.length === 0) return;
  const neededBytes = await measure(snapshot, options, isSurelyEnough);
  if (neededBytes > freeBytes) {
    throw fail('client.no-space', { path: showPath(options.target), freeBytes, neededBytes });
  }
}

/** Goes down only where the target has directories already, so a fresh target costs nothing. */
async function refuseExisting(snapshot: Snapshot, { target, include, getChunk }: CheckTargetOptions): Promise<void> {
  const placeOf = (path: Buffer): Buffer => (path.length === 1 ? target : joinPath(target, path.subarray(1)));
  const steps = walkSnapshot(snapshot, {
    patterns: compilePatterns(include),
    readDirectory: (tree) => readDirectory(tree, getChunk),
    enter: ({ path }) => {
      const there = lookAt(placeOf(path));
      if (there === undefined) return false;
      if (!there.isDirectory()) throw fail('client.target-exists', { path: showPath(placeOf(path)) });
      return true;
    },
  });
  for await (const step of steps) {
    if (step.type !== 'entry') continue;
    const final = joinPath(placeOf(step.directory.path), step.name);
    if (lookAt(final) !== undefined) throw fail('client.target-exists', { path: showPath(final) });
  }
}

/**
 * Bytes of the selected files. Sparse ones may need less than their size, hard-linked ones count once.
 * @param untilFirst only until something matches
 */
async function measure(
  snapshot: Snapshot,
  { include, getChunk }: CheckTargetOptions,
  untilFirst: boolean,
): Promise<number> {
  const patterns = compilePatterns(include);
  const groups = new Set<number>();
  let sizeBytes = 0;
  for await (const step of walkSnapshot(snapshot, {
    patterns,
    readDirectory: (tree) => readDirectory(tree, getChunk),
  })) {
    if (untilFirst && patterns.unmatched().length === 0) return 0;
    if (step.type !== 'entry' || step.meta.type !== 'file' || step.meta.sparse === true) continue;
    const { hardLinkGroup, content } = step.meta;
    if (hardLinkGroup !== undefined && groups.has(hardLinkGroup)) continue;
    if (hardLinkGroup !== undefined) groups.add(hardLinkGroup);
    sizeBytes += content!.sizeBytes;
  }
  const [unmatched] = patterns.unmatched();
  if (unmatched !== undefined) throw fail('client.no-match', { pattern: unmatched });
  return sizeBytes;
}
