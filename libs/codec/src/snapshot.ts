/** The record of one snapshot: one chunk, named by the head. */
import { badArgument } from './shapes.ts';
import type { FileMeta } from './tree.ts';

export interface SnapshotRoot {
  /** The absolute path as bytes, 1–4096. */
  readonly path: Uint8Array;
  /** The watched directory (or file) itself; its `content` is the root tree. */
  readonly meta: FileMeta;
}

export interface Snapshot {
  /** 32 hex digits, random. */
  readonly snapshotId: string;
  readonly createdAtMs: number;
  readonly hostName: string;
  readonly userName: string;
  readonly toolVersion: string;
  /** Ascending by path's bytes, at most 512. */
  readonly roots: readonly SnapshotRoot[];
  readonly statistics: {
    readonly fileCount: number;
    readonly directoryCount: number;
    /** Bytes of the files, before dedupe. */
    readonly sizeBytes: number;
    /** Plaintext bytes of the chunks that were new. */
    readonly addedBytes: number;
    /** What could not be read and is therefore missing; a snapshot is incomplete when this is not 0. */
    readonly unreadableCount: number;
  };
}

/** At most 4 MiB, so that it is one chunk. @throws HoldfastError `codec.bad-argument` */
export function encodeSnapshot(snapshot: Snapshot): Uint8Array {
  void snapshot;
  throw badArgument('not built yet');
}
/** @throws HoldfastError `codec.damaged`, `codec.unsupported-version` */
export function decodeSnapshot(bytes: Uint8Array): Snapshot {
  void bytes;
  throw badArgument('not built yet');
}
