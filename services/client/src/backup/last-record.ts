/** Remembers what the last snapshot of this machine looked like, so that an unchanged backup needs no new record. */
import { createHash } from 'node:crypto';
import { encodeSnapshot, type Snapshot, type SnapshotEntry } from '@holdfast/codec';
import { fromHex, toHex } from '@holdfast/protocol';
import type { Catalog } from '../catalog/index.ts';

const FACT = 'last-record';

/** All that makes two snapshots the same: everything but their id and time, and what they added. */
function fingerprint(snapshot: Snapshot): string {
  const timeless = {
    ...snapshot,
    snapshotId: '0'.repeat(32),
    createdAtMs: 0,
    statistics: { ...snapshot.statistics, addedBytes: 0 },
  };
  return createHash('sha256').update(encodeSnapshot(timeless)).digest('hex');
}

/** The record that the last snapshot has, if it says the same and the head still lists it. */
export function findSameRecord(
  catalog: Catalog,
  snapshot: Snapshot,
  listed: readonly SnapshotEntry[],
): Uint8Array | undefined {
  const [known, recordId] = catalog.getFact(FACT)?.split(' ') ?? [];
  if (known === undefined || recordId === undefined || known !== fingerprint(snapshot)) return undefined;
  return listed.some((entry) => toHex(entry.recordId) === recordId) ? fromHex(recordId, 32) : undefined;
}

export function rememberRecord(catalog: Catalog, snapshot: Snapshot, recordId: Uint8Array): void {
  catalog.setFact(FACT, `${fingerprint(snapshot)} ${toHex(recordId)}`);
}
