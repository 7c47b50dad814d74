/** From a vault's head to one snapshot, also on a machine that knows nothing yet. */
import type { Snapshot, SnapshotEntry } from '@holdfast/codec';
import { fail, HoldfastError } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import {
  createChunkReader,
  findSnapshot,
  learnIndex,
  listSnapshots,
  type PackAccess,
  readHead,
  readSnapshot,
  reconcilePacks,
  type VaultHead,
} from '../vault/index.ts';

export interface OpenSnapshot {
  readonly head: VaultHead;
  readonly entry: SnapshotEntry;
  readonly snapshot: Snapshot;
}

/** @throws HoldfastError `client.no-snapshot`, and what reading may throw */
export async function openSnapshot(context: ClientContext, access: PackAccess, wanted: string): Promise<OpenSnapshot> {
  const { head, snapshots } = await openSnapshots(context, access);
  const entry = findSnapshot(snapshots, wanted);
  return { head, entry, snapshot: await readSnapshot(entry, createChunkReader(context, access)) };
}

/** The head and all snapshots, oldest first; the catalog knows the vault's packs afterwards. */
export async function openSnapshots(
  context: ClientContext,
  access: PackAccess,
): Promise<{ head: VaultHead; snapshots: SnapshotEntry[] }> {
  const head = await readHead(context);
  if (head.token === undefined) throw fail('client.no-snapshot', { snapshot: 'yet' });
  await learnPacks(context, access, head);
  return { head, snapshots: await listSnapshots(head, createChunkReader(context, access)) };
}

/** From the index; where that cannot be read, from the tables of all packs. */
export async function learnPacks(context: ClientContext, access: PackAccess, head: VaultHead): Promise<void> {
  try {
    await learnIndex(context, access, head);
  } catch (error) {
    if (!(error instanceof HoldfastError) || !INDEX_ERRORS.has(error.code)) throw error;
    context.logger.warn(
      { code: error.code, detail: error.message },
      'the index cannot be read; reading the packs’ own tables',
    );
    await reconcilePacks(context, access);
  }
}

const INDEX_ERRORS: ReadonlySet<string> = new Set(['codec.damaged', 'codec.too-few-shards', 'pack.unknown']);
