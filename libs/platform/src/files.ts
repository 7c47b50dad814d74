/** Files that are there and whole after a crash: temporary file, fsync, rename, fsync of the directory. */
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { errorText, PlatformError, systemErrorCode } from './errors.ts';

const TEMPORARY_NAME = /^\.holdfast-[0-9a-f]{16}\.tmp$/;

/** A name for a temporary file in that directory, which `removeLeftoverTemporaries` would recognise. */
export function temporaryPath(directory: string): string {
  return join(directory, `.holdfast-${randomBytes(8).toString('hex')}.tmp`);
}

/**
 * Replaces or creates the file so that, at any crash, either the old or the new bytes are there, whole; when the
 * promise resolves, the new ones are on disk. `mode` is exact whatever the umask (default 0o600).
 * Rejects with the system's error; the temporary file is then removed.
 */
export async function writeFileDurably(
  path: string,
  bytes: Uint8Array | string,
  options: { mode?: number } = {},
): Promise<void> {
  const directory = dirname(path);
  const temporary = temporaryPath(directory);
  const mode = options.mode ?? 0o600;
  const file = await open(temporary, 'wx', mode);
  try {
    try {
      await file.chmod(mode);
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
  await fsyncDirectory(directory);
}

/** Makes the directory's entries (creations, renames, removals) durable. */
export async function fsyncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Creates the directory and its missing parents, all entries durable. `mode` (default 0o700) is for those created. */
export async function createDirectoryDurably(path: string, mode = 0o700): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  const topParent = dirname(first);
  for (let made = path; ; made = dirname(made)) {
    await fsyncDirectory(made);
    if (made === topParent || made === dirname(made)) return;
  }
}

/**
 * Removes what a crash in `writeFileDurably` left in this directory (not below). Call it only while nobody writes
 * there. Returns the count.
 */
export async function removeLeftoverTemporaries(directory: string): Promise<number> {
  const leftovers = (await readdir(directory)).filter((name) => TEMPORARY_NAME.test(name));
  for (const name of leftovers) await rm(join(directory, name), { force: true });
  return leftovers.length;
}

/**
 * Reads JSON and gives it to `validate`, which returns it typed or throws.
 * Errors: `file.missing`, `file.unreadable`, `file.not-json`, `file.invalid` (the validator's message is told).
 */
export async function readJsonFile<T>(path: string, validate: (value: unknown) => T): Promise<T> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') {
      throw new PlatformError('file.missing', `There is no file ${path}.`, 'Check the path.', { cause: error });
    }
    throw new PlatformError(
      'file.unreadable',
      `${path} cannot be read: ${errorText(error)}.`,
      'Check its permissions.',
      {
        cause: error,
      },
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new PlatformError('file.not-json', `${path} is not JSON: ${errorText(error)}.`, 'Restore it from a copy.', {
      cause: error,
    });
  }
  try {
    return validate(value);
  } catch (error) {
    throw new PlatformError(
      'file.invalid',
      `${path} is not as expected: ${errorText(error)}.`,
      'Correct it or restore it from a copy.',
      {
        cause: error,
      },
    );
  }
}
