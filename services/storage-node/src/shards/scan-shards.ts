/** What is on the disk at start: names and sizes only, by synchronous calls, because a hundred thousand promises cost seconds. */
import { type Dirent, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { systemErrorCode } from '@holdfast/platform';
import { clientDirectory, parseShardFile, type ShardName } from './shard-name.ts';
import { lengthInFile } from './trailer.ts';

export interface ScanVisitor {
  /** `lengthBytes` is undefined when no shard has a file of that size. */
  shard(name: ShardName, fileBytes: number, lengthBytes: number | undefined): void;
  /** Something that is none of ours: it stays where it is. */
  stranger(path: string): void;
}

const sorted = (path: string): Dirent[] => {
  try {
    return readdirSync(path, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return [];
    throw error;
  }
};

/** Clients with a directory here, in order. */
export function* clientsOnDisk(root: string): Generator<string> {
  for (const outer of sorted(root)) {
    if (!outer.isDirectory() || !/^[0-9a-f]{2}$/.test(outer.name)) continue;
    for (const inner of sorted(join(root, outer.name))) {
      if (inner.isDirectory() && /^[0-9a-f]{64}$/.test(inner.name) && inner.name.startsWith(outer.name)) {
        yield inner.name;
      }
    }
  }
}

/** The shards of one client under one pack prefix of two digits, in order. */
export const shardsInDirectory = (directory: string, clientId: string): ShardName[] =>
  sorted(directory)
    .map((entry) => (entry.isFile() ? parseShardFile(clientId, entry.name) : undefined))
    .filter((name) => name !== undefined)
    .sort((a, b) => (a.packId < b.packId ? -1 : a.packId > b.packId ? 1 : a.shardIndex - b.shardIndex));

/** Directories of a client's packs: `00` … `ff`, in order. */
export const packDirectories = (root: string, clientId: string): string[] =>
  sorted(clientDirectory(root, clientId))
    .filter((entry) => entry.isDirectory() && /^[0-9a-f]{2}$/.test(entry.name))
    .map((entry) => join(clientDirectory(root, clientId), entry.name));

/** Walks everything once; removes directories that are empty. */
export async function scanShards(root: string, visitor: ScanVisitor): Promise<void> {
  for (const clientId of clientsOnDisk(root)) {
    for (const directory of packDirectories(root, clientId)) {
      const entries = readdirSync(directory, { withFileTypes: true });
      for (const entry of entries) visitEntry(directory, entry, clientId, visitor);
      if (entries.length === 0) removeIfEmpty(directory);
      await nextTurn();
    }
    removeIfEmpty(clientDirectory(root, clientId));
  }
}

function visitEntry(directory: string, entry: Dirent, clientId: string, visitor: ScanVisitor): void {
  const path = join(directory, entry.name);
  const name = entry.isFile() ? parseShardFile(clientId, entry.name) : undefined;
  if (name === undefined || !directory.endsWith(name.packId.slice(0, 2))) {
    visitor.stranger(path);
    return;
  }
  const { size } = statSync(path);
  visitor.shard(name, size, lengthInFile(size));
}

function removeIfEmpty(directory: string): void {
  try {
    rmdirSync(directory);
  } catch {
    // not empty, or gone: both are fine
  }
}
