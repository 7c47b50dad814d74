/**
 * Files by descriptor. The callback forms of node:fs cost less per call than FileHandle, and each call here is part of
 * moving a shard; all errors are the system's own.
 */
import fs from 'node:fs';
import { promisify } from 'node:util';
import { errorText, systemErrorCode } from '@holdfast/platform';
import { fail, HoldfastError } from '@holdfast/protocol';

export const openFile: (path: string, flags: number, mode?: number) => Promise<number> = promisify(fs.open);
/**
 * These two at once: they ask the disk for nothing, while a call in the thread pool wakes a thread and is woken by it,
 * which costs more than most of what a small read does.
 */
export const closeFile = (fd: number): void => fs.closeSync(fd);
export const fileStat = (fd: number): fs.Stats => fs.fstatSync(fd);
export const syncFile: (fd: number) => Promise<void> = promisify(fs.fsync);
export const renameFile: (from: string, to: string) => Promise<void> = promisify(fs.rename);
const statPath: (path: string) => Promise<fs.Stats> = promisify(fs.stat);
const unlink: (path: string) => Promise<void> = promisify(fs.unlink);
const makeDirectory: (path: string, options: { mode: number }) => Promise<void> = promisify(fs.mkdir);

const writeSome = promisify(
  (
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, count: number) => void,
  ) => fs.write(fd, bytes, offset, length, position, done),
);
const readSome = promisify(
  (
    fd: number,
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: (error: Error | null, count: number) => void,
  ) => fs.read(fd, bytes, offset, length, position, done),
);

export async function writeAll(fd: number, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    done += await writeSome(fd, bytes, done, bytes.length - done, position + done);
  }
}

/** Reads until `bytes` is full or the file ends; resolves to the count. */
export async function readFull(fd: number, bytes: Uint8Array, position: number): Promise<number> {
  let done = 0;
  while (done < bytes.length) {
    const count = await readSome(fd, bytes, done, bytes.length - done, position + done);
    if (count === 0) break;
    done += count;
  }
  return done;
}

/** True when it was there. */
export async function removeFile(path: string): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Undefined when there is no such file. */
export async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await statPath(path)).size;
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** True when it was made now. Its parent must be there. */
export async function addDirectory(path: string): Promise<boolean> {
  try {
    await makeDirectory(path, { mode: 0o700 });
    return true;
  } catch (error) {
    if (systemErrorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

export const isMissing = (error: unknown): boolean => systemErrorCode(error) === 'ENOENT';
/** The disk itself failed to give or take the bytes: what it held there is lost. */
export const isMediumError = (error: unknown): boolean =>
  ['EIO', 'EUCLEAN', 'EBADMSG', 'ENODATA'].includes(systemErrorCode(error) ?? '');

/** The catalogue's word for what the disk said. */
export function diskError(error: unknown): HoldfastError {
  if (error instanceof HoldfastError) return error;
  if (['ENOSPC', 'EDQUOT'].includes(systemErrorCode(error) ?? '')) {
    return fail('node.full', { freeBytes: 0, neededBytes: 'more' }, error);
  }
  return fail('node.disk', { detail: systemErrorCode(error) ?? errorText(error) }, error);
}
