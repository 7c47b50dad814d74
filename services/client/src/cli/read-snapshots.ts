/** Opens the vault's head for reading: its snapshots, and any chunk that its index names. */
import type { GetChunk, SnapshotEntry } from '@holdfast/codec';
import type { ClientContext } from '../ports.ts';
import { learnPacks } from '../restore/open-snapshot.ts';
import { createChunkReader, listSnapshots, PackAccess, readHead, type VaultHead } from '../vault/index.ts';

export interface ReadableVault {
  readonly head: VaultHead;
  readonly getChunk: GetChunk;
  /** Oldest first. */
  readonly snapshots: readonly SnapshotEntry[];
}

/** @throws HoldfastError what reading head and index may throw */
export async function readVaultSnapshots(vault: ClientContext, signal: AbortSignal): Promise<ReadableVault> {
  const access = new PackAccess(vault, { signal });
  const head = await readHead(vault);
  await learnPacks(vault, access, head);
  const getChunk = createChunkReader(vault, access);
  return { head, getChunk, snapshots: await listSnapshots(head, getChunk) };
}
