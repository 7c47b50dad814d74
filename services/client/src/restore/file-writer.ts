/** Writes chunks into temporary files at their offsets, with a bounded number of files open, and finishes them. */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fsyncSync,
  ftruncateSync,
  futimesSync,
  openSync,
  writeSync,
} from 'node:fs';
import type { Attributes, FileToWrite } from './job.ts';
import { toFileTime } from './times.ts';

/** Files kept open by one writer. */
const MAX_OPEN = 48;
/** Zero runs from this length on become holes, as do shorter ones at the edge of a chunk. */
const HOLE_BYTES = 64 * 1024;
const BLOCK_BYTES = 4096;
const ZEROS = Buffer.alloc(HOLE_BYTES);

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
/** Only the owner until the file is whole and gets its mode. */
const TEMPORARY_MODE = 0o600;

/** Sets owner, mode and time of an open file, in the order in which none undoes the other. */
export function applyAttributes(descriptor: number, { uid, gid, mode, mtimeNs }: Attributes): void {
  if (uid !== undefined && gid !== undefined) fchownSync(descriptor, uid, gid);
  fchmodSync(descriptor, mode);
  const time = toFileTime(mtimeNs);
  futimesSync(descriptor, time, time);
}

export class FileWriter {
  readonly #fsyncFiles: boolean;
  /** By path, least recently used first. */
  readonly #open = new Map<string, number>();

  constructor({ fsyncFiles }: { fsyncFiles: boolean }) {
    this.#fsyncFiles = fsyncFiles;
  }

  /** @param isFirst the first write of a `whole` file: it must not be there yet. */
  write(file: FileToWrite, offset: number, bytes: Uint8Array, isFirst: boolean): void {
    const descriptor = this.#descriptor(file, isFirst);
    if (file.sparse) writeAroundHoles(descriptor, offset, bytes);
    else writeFully(descriptor, offset, bytes);
  }

  /** Owner, mode, time; on disk if this writer fsyncs. The file is closed. */
  finish(file: Pick<FileToWrite, 'path' | 'attributes'>): void {
    const descriptor = this.#take(file.path);
    try {
      applyAttributes(descriptor, file.attributes);
      if (this.#fsyncFiles) fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  }

  /** An empty file, finished. */
  createEmpty(file: Pick<FileToWrite, 'path' | 'attributes'>): void {
    this.#open.set(file.path, openPath(file.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW));
    this.finish(file);
  }

  /** Forgets a file that is given up. */
  abandon(path: string): void {
    const descriptor = this.#open.get(path);
    if (descriptor === undefined) return;
    this.#open.delete(path);
    closeSync(descriptor);
  }

  close(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor);
    this.#open.clear();
  }

  #descriptor(file: FileToWrite, isFirst: boolean): number {
    const known = this.#open.get(file.path);
    if (known !== undefined) {
      this.#open.delete(file.path);
      this.#open.set(file.path, known);
      return known;
    }
    const flags = file.whole && !isFirst ? 0 : O_CREAT;
    const descriptor = openPath(file.path, O_WRONLY | O_NOFOLLOW | flags | (file.whole && isFirst ? O_EXCL : 0));
    this.#open.set(file.path, descriptor);
    if (file.sparse) ftruncateSync(descriptor, file.sizeBytes);
    if (this.#open.size > MAX_OPEN) this.abandon(this.#open.keys().next().value!);
    return descriptor;
  }

  #take(path: string): number {
    const known = this.#open.get(path);
    this.#open.delete(path);
    return known ?? openPath(path, O_WRONLY | O_NOFOLLOW);
  }
}

const openPath = (path: string, flags: number): number => openSync(Buffer.from(path, 'latin1'), flags, TEMPORARY_MODE);

function writeFully(descriptor: number, offset: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) at += writeSync(descriptor, bytes, at, bytes.length - at, offset + at);
}

/** Leaves out whole blocks of zeros: in runs of 64 KiB and more, or at the chunk's edge, where a run may go on. */
function writeAroundHoles(descriptor: number, offset: number, bytes: Uint8Array): void {
  const firstBlock = (BLOCK_BYTES - (offset % BLOCK_BYTES)) % BLOCK_BYTES;
  let from = 0;
  let zeroFrom: number | undefined;
  const flush = (end: number, isEdge: boolean): void => {
    if (zeroFrom === undefined) return;
    if (end - zeroFrom >= HOLE_BYTES || zeroFrom <= firstBlock || isEdge) {
      writeFully(descriptor, offset + from, bytes.subarray(from, zeroFrom));
      from = end;
    }
    zeroFrom = undefined;
  };
  let at = firstBlock;
  for (; at + BLOCK_BYTES <= bytes.length; at += BLOCK_BYTES) {
    if (isZero(bytes.subarray(at, at + BLOCK_BYTES))) zeroFrom ??= at;
    else flush(at, false);
  }
  flush(at, true);
  writeFully(descriptor, offset + from, bytes.subarray(from));
}

const isZero = (bytes: Uint8Array): boolean =>
  bytes[0] === 0 && bytes[bytes.length - 1] === 0 && Buffer.compare(bytes, ZEROS.subarray(0, bytes.length)) === 0;
