/** The list of watched directories in the configuration, changed under the home's lock. */
import { access, constants, realpath, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { systemErrorCode } from '@holdfast/platform';
import { fail } from '@holdfast/protocol';
import { readClientConfig, writeClientConfig } from '../config/index.ts';
import { lockHome } from '../session.ts';

export interface AddedDirectories {
  readonly added: readonly string[];
  readonly directories: readonly string[];
  /** Sentences. */
  readonly notes: readonly string[];
}

/** @throws HoldfastError `client.bad-directory`, `client.not-set-up`, `client.locked` */
export async function addDirectories(home: string, paths: readonly string[]): Promise<AddedDirectories> {
  await readClientConfig(home);
  const wanted: string[] = [];
  for (const path of paths) wanted.push(await checkedPath(path));
  const { before, directories } = await change(home, (directories) => [...new Set([...directories, ...wanted])]);
  const added = directories.filter((path) => !before.includes(path));
  return { added, directories, notes: added.flatMap((path) => overlapNote(path, directories) ?? []) };
}

/** @throws HoldfastError `client.bad-directory` for one that is not in the list: then nothing is changed */
export async function removeDirectories(
  home: string,
  paths: readonly string[],
): Promise<{ removed: readonly string[]; directories: readonly string[] }> {
  const { before, directories } = await change(home, (directories) => {
    const removed = new Set(paths.map((path) => listedPath(path, directories)));
    return directories.filter((path) => !removed.has(path));
  });
  return { removed: before.filter((path) => !directories.includes(path)), directories };
}

async function change(
  home: string,
  edit: (directories: readonly string[]) => string[],
): Promise<{ before: readonly string[]; directories: readonly string[] }> {
  // Before the lock, which would create files in a home that is none.
  await readClientConfig(home);
  const lock = lockHome(home);
  try {
    const config = await readClientConfig(home);
    const directories = edit(config.directories).toSorted();
    await writeClientConfig(home, { ...config, directories });
    return { before: config.directories, directories };
  } finally {
    lock.release();
  }
}

/** The absolute path; of a symbolic link its own, because that is what would be stored: so the link is resolved here. */
export async function checkedPath(path: string): Promise<string> {
  const absolute = resolve(path);
  try {
    const real = await realpath(absolute);
    const found = await stat(real);
    if (!found.isDirectory() && !found.isFile())
      throw fail('client.bad-directory', { path: absolute, detail: 'this is neither a directory nor a file.' });
    await access(real, found.isDirectory() ? constants.R_OK | constants.X_OK : constants.R_OK);
    return real;
  } catch (error) {
    const detail = ACCESS_ERRORS[systemErrorCode(error) ?? ''];
    throw detail === undefined ? error : fail('client.bad-directory', { path: absolute, detail }, error);
  }
}

const ACCESS_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such directory.',
  ENOTDIR: 'a part of this path is no directory.',
  EACCES: 'you may not read it.',
  ELOOP: 'its symbolic links go round in circles.',
};

/** A directory that is gone from the disk can still be named. */
function listedPath(path: string, directories: readonly string[]): string {
  const absolute = resolve(path);
  if (directories.includes(absolute)) return absolute;
  throw fail('client.bad-directory', { path: absolute, detail: 'it is not watched; holdfast dirs lists what is.' });
}

const isBelow = (path: string, directory: string): boolean =>
  path.startsWith(directory === '/' ? '/' : join(directory, '/'));

function overlapNote(path: string, directories: readonly string[]): string | undefined {
  const above = directories.find((other) => other !== path && isBelow(path, other));
  if (above !== undefined) return `${path} is part of ${above}, which is watched already; it is stored once.`;
  const below = directories.find((other) => other !== path && isBelow(other, path));
  return below === undefined ? undefined : `${below} is part of ${path}; it is stored once.`;
}
