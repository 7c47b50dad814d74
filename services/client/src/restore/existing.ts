/** What becomes of files that are in the target already. */
import { type BigIntStats, lstatSync } from 'node:fs';
import type { FileMeta } from '@holdfast/codec';
import { toMicroseconds } from './times.ts';

/** `fail`: refuse before anything is written. */
export const EXISTING_POLICIES = ['fail', 'skip', 'overwrite', 'newer'] as const;
export type ExistingPolicy = (typeof EXISTING_POLICIES)[number];

export type ExistingVerdict = 'write' | 'skip' | 'blocked-by-directory';

/** What to do with an entry that is no directory, given what is there under its name. */
export function judgeExisting(
  policy: ExistingPolicy,
  meta: FileMeta,
  there: Pick<BigIntStats, 'mtimeNs' | 'isDirectory'> | undefined,
): ExistingVerdict {
  if (there === undefined) return 'write';
  if (policy === 'skip') return 'skip';
  if (there.isDirectory()) return 'blocked-by-directory';
  if (policy === 'newer') return toMicroseconds(meta.mtimeNs) > toMicroseconds(there.mtimeNs) ? 'write' : 'skip';
  return 'write';
}

/** Undefined when there is nothing. Other troubles show when something is written there. */
export function lookAt(path: Buffer): BigIntStats | undefined {
  try {
    return lstatSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
