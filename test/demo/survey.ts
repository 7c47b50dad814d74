/** How much a directory holds, and whether this disk has room for the demo with it. */
import { lstat, opendir, statfs } from 'node:fs/promises';
import { join } from 'node:path';

export interface Survey {
  files: number;
  directories: number;
  others: number;
  bytes: number;
}

/** Counts without following symbolic links; what can't be read is passed over here and reported by the backup. */
export async function survey(directory: string): Promise<Survey> {
  const found: Survey = { files: 0, directories: 1, others: 0, bytes: 0 };
  const waiting = [directory];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const here = next;
    const entries = await opendir(here).catch(() => undefined);
    if (entries === undefined) continue;
    for await (const entry of entries) {
      if (entry.isDirectory()) {
        found.directories += 1;
        waiting.push(join(here, entry.name));
      } else if (entry.isFile()) {
        found.files += 1;
        found.bytes += (await lstat(join(here, entry.name)).catch(() => ({ size: 0 }))).size;
      } else found.others += 1;
    }
  }
  return found;
}

/** Shards at twice the size, the restored copy, the parent's catalog and logs, Postgres. */
export const diskNeeded = (found: Survey): number => 3.2 * found.bytes + 2000 * found.files + 300_000_000;

export async function freeBytes(directory: string): Promise<number> {
  const disk = await statfs(directory);
  return disk.bavail * disk.bsize;
}
