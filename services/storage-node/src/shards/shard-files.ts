/** The files of the shards: begun beside, published by rename, read, set aside, removed. Knows no rules. */
import { constants, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { toHex } from '@holdfast/protocol';
import { createDirectories, type Directories, syncDirectory } from './directories.ts';
import {
  closeFile,
  fileStat,
  isMediumError,
  isMissing,
  openFile,
  readFull,
  removeFile,
  renameFile,
  sizeOf,
  syncFile,
  writeAll,
} from './file-io.ts';
import type { PiecePool } from './piece-pool.ts';
import { shardDirectory, shardFile, type ShardName } from './shard-name.ts';
import { BLOCK_BYTES, decodeTrailer, lengthInFile, type Trailer, trailerBytes } from './trailer.ts';

export interface ShardFilesOptions {
  readonly dataDir: string;
  /** `direct`: past the page cache where the file system can; `buffered`: never. */
  readonly io: 'direct' | 'buffered';
  readonly randomBytes: (count: number) => Uint8Array;
}

export interface NewFile {
  readonly fd: number;
  /** Makes it the shard of that name: whole and on the disk when the promise resolves. */
  publish(name: ShardName): Promise<void>;
  /** Closes and removes it. Never rejects. */
  discard(): Promise<void>;
}

export interface OpenShard {
  readonly fd: number;
  readonly lengthBytes: number;
  close(): void;
}

/** What stands under a name. */
export type Found<T> =
  | { readonly state: 'missing' }
  /** It is there, but not as it was written. */
  | { readonly state: 'damaged'; readonly detail: string }
  | { readonly state: 'whole'; readonly shard: T };

export interface ShardFiles {
  /** Directory of all shards. */
  readonly root: string;
  readonly quarantine: string;
  /** Whether writes pass the page cache. */
  readonly isDirect: boolean;
  begin(): Promise<NewFile>;
  /** Opens and looks at the size; the caller closes it. `direct`: to be read by whole blocks into aligned memory. */
  open(name: ShardName, mode?: 'direct' | 'any'): Promise<Found<OpenShard>>;
  /** Reads and checks the trailer. */
  readTrailer(name: ShardName): Promise<Found<Trailer>>;
  has(name: ShardName): Promise<boolean>;
  /** Bytes of the shard by the size of its file; undefined when there is none. */
  lengthOf(name: ShardName): Promise<number | undefined>;
  /** The bytes that it had on the disk; 0 when it was not there. Durable after `settle`. */
  remove(name: ShardName): Promise<number>;
  settle(names: readonly ShardName[]): Promise<void>;
  /** Moves the file aside for the operator to look at. Its bytes on the disk; undefined when it was not there. */
  setAside(name: ShardName): Promise<number | undefined>;
}

const { O_CREAT, O_DIRECT, O_EXCL, O_RDONLY, O_WRONLY } = constants;

/** Makes the directories and removes what a crash left half-written. */
export async function openShardFiles(options: ShardFilesOptions, pool: PiecePool): Promise<ShardFiles> {
  const { dataDir } = options;
  const [root, temporary, quarantine] = ['shards', 'incoming', 'quarantine'].map((name) => join(dataDir, name)) as [
    string,
    string,
    string,
  ];
  for (const directory of [root, temporary, quarantine]) mkdirSync(directory, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(temporary)) rmSync(join(temporary, name), { recursive: true, force: true });
  for (const directory of [dataDir, temporary]) await syncDirectory(directory);
  const directories = createDirectories(root);
  const newName = (): string => join(temporary, toHex(options.randomBytes(12)));
  const isDirect = options.io === 'direct' && pool.isAligned && (await takesDirectWrites(newName(), pool));
  const directFlag = isDirect ? O_DIRECT : 0;

  const open = async (name: ShardName, mode: 'direct' | 'any' = 'any'): Promise<Found<OpenShard>> => {
    let fd: number;
    try {
      fd = await openFile(shardFile(root, name), O_RDONLY | (mode === 'direct' ? directFlag : 0));
    } catch (error) {
      if (isMissing(error)) return { state: 'missing' };
      if (isMediumError(error)) return { state: 'damaged', detail: 'the disk does not open it' };
      throw error;
    }
    const { size } = fileStat(fd);
    const lengthBytes = lengthInFile(size);
    if (lengthBytes !== undefined) return { state: 'whole', shard: { fd, lengthBytes, close: () => closeFile(fd) } };
    closeFile(fd);
    return { state: 'damaged', detail: `it has ${size} bytes, which no shard has` };
  };

  return {
    root,
    quarantine,
    isDirect,
    open,
    begin: () => beginFile(newName(), directFlag, root, directories),
    async readTrailer(name) {
      const found = await open(name);
      if (found.state !== 'whole') return found;
      const { fd, lengthBytes } = found.shard;
      try {
        const bytes = new Uint8Array(trailerBytes(lengthBytes));
        const count = await readFull(fd, bytes, lengthBytes);
        const trailer = count === bytes.length ? decodeTrailer(bytes, name, lengthBytes) : undefined;
        if (trailer === undefined) return { state: 'damaged', detail: 'its trailer is damaged' };
        return { state: 'whole', shard: trailer };
      } catch (error) {
        if (isMediumError(error)) return { state: 'damaged', detail: 'the disk does not read its trailer' };
        throw error;
      } finally {
        found.shard.close();
      }
    },
    has: async (name) => (await sizeOf(shardFile(root, name))) !== undefined,
    async lengthOf(name) {
      const size = await sizeOf(shardFile(root, name));
      return size === undefined ? undefined : (lengthInFile(size) ?? 0);
    },
    async remove(name) {
      const path = shardFile(root, name);
      const size = await sizeOf(path);
      return size !== undefined && (await removeFile(path)) ? size : 0;
    },
    async settle(names) {
      const paths = new Set(names.map((name) => shardDirectory(root, name)));
      await Promise.all([...paths].map((path) => directories.settle(path)));
    },
    async setAside(name) {
      const aside = `${name.clientId}-${name.packId}-${name.shardIndex}-${toHex(options.randomBytes(4))}`;
      try {
        await renameFile(shardFile(root, name), join(quarantine, aside));
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
      await syncDirectory(quarantine);
      await directories.settle(shardDirectory(root, name));
      return (await sizeOf(join(quarantine, aside))) ?? 0;
    },
  };
}

async function beginFile(path: string, directFlag: number, root: string, directories: Directories): Promise<NewFile> {
  const fd = await openFile(path, O_WRONLY | O_CREAT | O_EXCL | directFlag, 0o600);
  let isOpen = true;
  let isThere = true;
  const close = (): void => {
    if (isOpen) closeFile(fd);
    isOpen = false;
  };
  return {
    fd,
    async publish(name) {
      const directory = shardDirectory(root, name);
      const target = shardFile(root, name);
      await Promise.all([syncFile(fd), directories.make(directory)]);
      close();
      await renameFile(path, target);
      isThere = false;
      try {
        await directories.settle(directory);
      } catch (error) {
        // Nobody was told that it is here; what was not acknowledged must not stay.
        await removeFile(target).catch(() => false);
        throw error;
      }
    },
    async discard() {
      close();
      if (isThere) await removeFile(path).catch(() => false);
    },
  };
}

/** Some file systems refuse writes past the page cache at once (tmpfs before Linux 6.5), some only when written to. */
async function takesDirectWrites(path: string, pool: PiecePool): Promise<boolean> {
  const piece = pool.take();
  try {
    const fd = await openFile(path, O_WRONLY | O_CREAT | O_EXCL | O_DIRECT, 0o600);
    try {
      await writeAll(fd, piece.subarray(0, 2 * BLOCK_BYTES), BLOCK_BYTES);
      return true;
    } finally {
      closeFile(fd);
    }
  } catch {
    return false;
  } finally {
    pool.give(piece);
    await removeFile(path).catch(() => false);
  }
}
