/** The vault's head: the sealed content of the signed vault-head message. */
import type { PackId } from '@holdfast/protocol';
import { badArgument, type RandomSource } from './shapes.ts';
import type { StreamRef } from './stream-ref.ts';

/** Snapshots that the head itself lists; older ones go to `olderSnapshots`. */
export const MAX_HEAD_SNAPSHOTS = 512;
export const MAX_HEAD_INDEX_PACKS = 512;

export interface SnapshotEntry {
  /** 32 hex digits. */
  readonly snapshotId: string;
  readonly createdAtMs: number;
  /** The chunk of the snapshot's record, 32 bytes. */
  readonly recordId: Uint8Array;
}

export interface HeadContent {
  /** The machine that wrote this head: 32 hex digits, drawn once per machine, and its host name. */
  readonly machineId: string;
  readonly hostName: string;
  /** All current index packs, oldest first; at most 512 (merge them long before). */
  readonly indexPacks: readonly PackId[];
  /** Oldest first; at most 512. */
  readonly snapshots: readonly SnapshotEntry[];
  /** A stream of `encodeSnapshotList`, all older than `snapshots`. */
  readonly olderSnapshots?: StreamRef;
}

/** What a head is bound to: it opens only under the same two. */
export interface HeadPlace {
  /** 32 hex digits. */
  readonly vaultId: string;
  readonly sequence: number;
}

/** At most MAX_HEAD_BYTES. @throws HoldfastError `codec.bad-argument` */
export function sealHead(dataKey: Uint8Array, place: HeadPlace, content: HeadContent, randomness: RandomSource): Uint8Array {
  void [dataKey, place, content, randomness];
  throw badArgument('not built yet');
}
/** @throws HoldfastError `codec.wrong-key`, `codec.damaged`, `codec.unsupported-version` */
export function openHead(dataKey: Uint8Array, place: HeadPlace, sealed: Uint8Array): HeadContent {
  void [dataKey, place, sealed];
  throw badArgument('not built yet');
}

/** For `olderSnapshots`: 56 bytes an entry. */
export function encodeSnapshotList(snapshots: readonly SnapshotEntry[]): Uint8Array {
  void snapshots;
  throw badArgument('not built yet');
}
export function decodeSnapshotList(bytes: Uint8Array): SnapshotEntry[] {
  void bytes;
  throw badArgument('not built yet');
}
