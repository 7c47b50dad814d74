/** Lists directories: names as byte strings in the order of their bytes. */
import { lstatSync, readdirSync } from 'node:fs';
import { type ByteString, toPath } from './byte-string.ts';
import { type FileStat, toFileStat } from './file-stat.ts';

/** @throws NodeJS.ErrnoException */
export function listNames(path: ByteString): ByteString[] {
  const names = readdirSync(toPath(path), { encoding: 'latin1' });
  // Characters are bytes here, so comparing strings compares bytes.
  return names.sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** @throws NodeJS.ErrnoException */
export const statOf = (path: ByteString): FileStat => toFileStat(lstatSync(toPath(path), { bigint: true }));

/** `ENOENT` and the like; the message where there is none. */
export const systemCode = (error: unknown): string =>
  (error as { code?: string }).code ?? (error instanceof Error ? error.message : String(error));

/** It was there a moment ago. */
export const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR', 'ELOOP'].includes(systemCode(error));
