/** The record of one snapshot: one chunk, named by the head. */
import { ByteReader, ByteWriter } from './binary.ts';
import { type FileMeta, readFileMeta, writeFileMeta } from './file-meta.ts';
import { MAX_CHUNK_BYTES, unsupportedVersion } from './shapes.ts';

export const SNAPSHOT_VERSION = 1;
export const MAX_SNAPSHOT_ROOTS = 512;
const MAX_PATH_BYTES = 4096;
const ID_BYTES = 16;

export interface SnapshotRoot {
  /** The absolute path as bytes, 1–4096, without NUL. */
  readonly path: Uint8Array;
  /** The watched directory (or file) itself; its `content` is the root tree. */
  readonly meta: FileMeta;
}

export interface SnapshotStatistics {
  readonly fileCount: number;
  readonly directoryCount: number;
  /** Bytes of the files, before dedupe. */
  readonly sizeBytes: number;
  /** Plaintext bytes of the chunks that were new. */
  readonly addedBytes: number;
  /** Files and directories that could not be read and are therefore missing or partial. */
  readonly unreadableCount: number;
}

export interface Snapshot {
  /** 32 hex digits, random. */
  readonly snapshotId: string;
  readonly createdAtMs: number;
  readonly hostName: string;
  readonly userName: string;
  readonly toolVersion: string;
  /** Something is missing: files that could not be read, or a backup that was cut short. */
  readonly incomplete: boolean;
  readonly statistics: SnapshotStatistics;
  /** Strictly ascending by path's bytes, at most 512. */
  readonly roots: readonly SnapshotRoot[];
}

/** What must hold between the fields; undefined when all is well. */
function faultOf({ incomplete, statistics, roots }: Snapshot): string | undefined {
  if (!incomplete && statistics.unreadableCount > 0) return 'unreadable files in a complete snapshot';
  if (roots.length > MAX_SNAPSHOT_ROOTS) return `${roots.length} roots`;
  for (const [place, { path }] of roots.entries()) {
    if (path.length === 0 || path.includes(0)) return 'an impossible path';
    if (place > 0 && Buffer.compare(roots[place - 1]!.path, path) >= 0) return 'paths out of order';
  }
  return undefined;
}

/** At most 4 MiB, so that it is one chunk. @throws HoldfastError `codec.bad-argument` */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  const writer = new ByteWriter('a snapshot');
  const fault = faultOf(snapshot);
  if (fault !== undefined) writer.refuse(fault);
  writer.u8(SNAPSHOT_VERSION);
  writer.hex(snapshot.snapshotId, ID_BYTES);
  writer.u64(snapshot.createdAtMs);
  writer.text(snapshot.hostName);
  writer.text(snapshot.userName);
  writer.text(snapshot.toolVersion);
  writer.u8(snapshot.incomplete ? 1 : 0);
  const { statistics } = snapshot;
  writer.u64(statistics.fileCount);
  writer.u64(statistics.directoryCount);
  writer.u64(statistics.sizeBytes);
  writer.u64(statistics.addedBytes);
  writer.u64(statistics.unreadableCount);
  writer.u16(snapshot.roots.length);
  for (const { path, meta } of snapshot.roots) {
    writer.prefixed(path, 2, MAX_PATH_BYTES);
    writeFileMeta(writer, meta);
  }
  if (writer.length > MAX_CHUNK_BYTES) writer.refuse(`${writer.length} bytes are more than one chunk`);
  return writer.take();
}

/** Byte fields are views of `bytes`. @throws HoldfastError `codec.damaged`, `codec.unsupported-version` */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  const reader = new ByteReader('a snapshot', bytes);
  const version = reader.u8();
  if (version !== SNAPSHOT_VERSION) throw unsupportedVersion('A snapshot', version);
  const snapshotId = reader.hex(ID_BYTES);
  const createdAtMs = reader.u64();
  const hostName = reader.text();
  const userName = reader.text();
  const toolVersion = reader.text();
  const flags = reader.u8();
  if (flags > 1) reader.refuse(`unknown flags ${flags}`);
  const statistics = {
    fileCount: reader.u64(),
    directoryCount: reader.u64(),
    sizeBytes: reader.u64(),
    addedBytes: reader.u64(),
    unreadableCount: reader.u64(),
  };
  const rootCount = reader.u16();
  if (rootCount > MAX_SNAPSHOT_ROOTS) reader.refuse(`${rootCount} roots`);
  const roots = Array.from({ length: rootCount }, () => ({
    path: reader.prefixed(2, MAX_PATH_BYTES),
    meta: readFileMeta(reader),
  }));
  reader.end();
  const incomplete = flags === 1;
  const snapshot = { snapshotId, createdAtMs, hostName, userName, toolVersion, incomplete, statistics, roots };
  const fault = faultOf(snapshot);
  if (fault !== undefined) reader.refuse(fault);
  return snapshot;
}
