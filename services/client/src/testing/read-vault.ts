/** Reads a whole snapshot through the vault's own readers, as a machine would that knows nothing but the keys. */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { type FileMeta, type GetChunk, readStream } from '@holdfast/codec';
import type { ClientContext } from '../ports.ts';
import { fromBytes, joinPath, toPath } from '../scan/index.ts';
import {
  createChunkReader,
  findSnapshot,
  learnIndex,
  listSnapshots,
  PackAccess,
  readDirectory,
  readHead,
  readSnapshot,
} from '../vault/index.ts';

/** What is compared of a file. Paths are byte strings. */
export interface FileFacts {
  readonly type: FileMeta['type'];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly mtimeNs: bigint;
  /** SHA-256 of a file's bytes; a symlink's target. */
  readonly content: string;
}

/** By path, of the snapshot `wanted`. */
export async function readVaultFiles(context: ClientContext, wanted = 'latest'): Promise<Map<string, FileFacts>> {
  const access = new PackAccess(context);
  const head = await readHead(context);
  await learnIndex(context, access, head);
  const getChunk = createChunkReader(context, access);
  const snapshot = await readSnapshot(findSnapshot(await listSnapshots(head, getChunk), wanted), getChunk);
  const files = new Map<string, FileFacts>();
  for (const root of snapshot.roots) await collect(fromBytes(root.path), root.meta, getChunk, files);
  return files;
}

async function collect(path: string, meta: FileMeta, getChunk: GetChunk, files: Map<string, FileFacts>): Promise<void> {
  const { type, mode, uid, gid, mtimeNs } = meta;
  files.set(path, { type, mode, uid, gid, mtimeNs, content: await contentOf(meta, getChunk) });
  if (type !== 'directory') return;
  for await (const entry of readDirectory(meta.content!, getChunk)) {
    await collect(joinPath(path, fromBytes(entry.name)), entry, getChunk, files);
  }
}

async function contentOf(meta: FileMeta, getChunk: GetChunk): Promise<string> {
  if (meta.type === 'symlink') return fromBytes(meta.target!);
  if (meta.type !== 'file') return '';
  const hash = createHash('sha256');
  let length = 0;
  for await (const piece of readStream(meta.content!, getChunk)) {
    hash.update(piece);
    length += piece.length;
  }
  return `${length} ${hash.digest('hex')}`;
}

/** The same of a directory on the disk. @param path a byte string */
export function readDiskFiles(path: string, files = new Map<string, FileFacts>()): Map<string, FileFacts> {
  const stat = lstatSync(toPath(path), { bigint: true });
  const type = stat.isDirectory() ? 'directory' : stat.isSymbolicLink() ? 'symlink' : stat.isFIFO() ? 'fifo' : 'file';
  const bytes = type === 'file' ? readFileSync(toPath(path)) : undefined;
  files.set(path, {
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtimeNs: stat.mtimeNs,
    content:
      bytes !== undefined
        ? `${bytes.length} ${createHash('sha256').update(bytes).digest('hex')}`
        : type === 'symlink'
          ? fromBytes(readlinkSync(toPath(path), 'buffer'))
          : '',
  });
  if (type !== 'directory') return files;
  for (const name of readdirSync(toPath(path), 'latin1')) readDiskFiles(joinPath(path, name), files);
  return files;
}
