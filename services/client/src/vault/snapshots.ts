/** The vault's snapshots: their list, their records, their trees. */
import {
  decodeSnapshot,
  decodeSnapshotList,
  type GetChunk,
  readStream,
  readTree,
  type Snapshot,
  type SnapshotEntry,
  type StreamRef,
  type TreeEntry,
} from '@holdfast/codec';
import { fail, toHex } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import type { VaultHead } from './head.ts';
import type { PackAccess } from './pack-access.ts';

/** Reads any chunk that the catalog knows. @throws HoldfastError `chunk.unknown` and what reading may throw */
export function createChunkReader({ catalog }: Pick<ClientContext, 'catalog'>, access: PackAccess): GetChunk {
  return (id) => {
    const place = catalog.findChunk(id);
    if (place === undefined) return Promise.reject(fail('chunk.unknown', { chunkId: toHex(id) }));
    return access.readChunk(place);
  };
}

/** All snapshots, oldest first. */
export async function listSnapshots(head: VaultHead, getChunk: GetChunk): Promise<SnapshotEntry[]> {
  const { snapshots, olderSnapshots } = head.content;
  if (olderSnapshots === undefined) return [...snapshots];
  const pieces: Uint8Array[] = [];
  for await (const piece of readStream(olderSnapshots, getChunk)) pieces.push(piece);
  return [...decodeSnapshotList(Buffer.concat(pieces)), ...snapshots];
}

/** @param wanted `latest`, or a snapshot's id or its first digits. @throws HoldfastError `client.no-snapshot` */
export function findSnapshot(snapshots: readonly SnapshotEntry[], wanted: string): SnapshotEntry {
  const found =
    wanted === 'latest'
      ? snapshots.slice(-1)
      : snapshots.filter(({ snapshotId }) => wanted.length >= 4 && snapshotId.startsWith(wanted.toLowerCase()));
  if (found.length !== 1) throw fail('client.no-snapshot', { snapshot: wanted });
  return found[0]!;
}

/**
 * The record of a snapshot. When nothing had changed since the snapshot before, both share one record: id and time are
 * those of the head's list.
 */
export async function readSnapshot(entry: SnapshotEntry, getChunk: GetChunk): Promise<Snapshot> {
  const record = decodeSnapshot(await getChunk(entry.recordId));
  return { ...record, snapshotId: entry.snapshotId, createdAtMs: entry.createdAtMs };
}

/** The entries of a directory, in order of their names. */
export function readDirectory(tree: StreamRef, getChunk: GetChunk): AsyncGenerator<TreeEntry, void, undefined> {
  return readTree(readStream(tree, getChunk));
}
