/** Directories made and synced once for many: callers that wait for the same directory share one fsync. */
import { constants } from 'node:fs';
import { dirname } from 'node:path';
import { addDirectory, closeFile, openFile, syncFile } from './file-io.ts';

export interface Directories {
  /** Makes the directory and its missing parents below `root`; `settle` makes them durable. */
  make(path: string): Promise<void>;
  /** Resolves when every change in the directory made before the call is on the disk, and so is the way to it. */
  settle(path: string): Promise<void>;
}

export async function syncDirectory(path: string): Promise<void> {
  const fd = await openFile(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await syncFile(fd);
  } finally {
    closeFile(fd);
  }
}

/** @param root exists and is durable. */
export function createDirectories(root: string, sync: (path: string) => Promise<void> = syncDirectory): Directories {
  /** Made by this process, with parents not synced since. */
  const fresh = new Set<string>();
  const known = new Set<string>([root]);
  const running = new Map<string, Promise<void>>();
  const waiting = new Map<string, Promise<void>>();

  /** A sync that begins after this call, shared with everybody who asks before it begins. */
  const syncShared = (path: string): Promise<void> => {
    const queued = waiting.get(path);
    if (queued !== undefined) return queued;
    const before = running.get(path) ?? Promise.resolve();
    const next = before
      .catch(() => undefined)
      .then(() => {
        waiting.delete(path);
        const run = sync(path).finally(() => {
          if (running.get(path) === run) running.delete(path);
        });
        running.set(path, run);
        return run;
      });
    waiting.set(path, next);
    return next;
  };

  const make = async (path: string): Promise<void> => {
    if (known.has(path)) return;
    await make(dirname(path));
    // Also one that was there already may come from a run that was killed before it synced.
    await addDirectory(path);
    if (known.size > 200_000) known.clear();
    known.add(root).add(path);
    fresh.add(path);
  };

  const settle = async (path: string): Promise<void> => {
    await syncShared(path);
    const made: string[] = [];
    for (let at = path; fresh.has(at); at = dirname(at)) made.push(at);
    for (const directory of made) await syncShared(dirname(directory));
    // Only now: whoever asks meanwhile must wait for the whole way up as well.
    for (const directory of made) fresh.delete(directory);
  };

  return { make, settle };
}
