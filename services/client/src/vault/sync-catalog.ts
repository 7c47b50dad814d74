/** Brings the local catalog up to date with the vault: what other machines wrote, and what a crash left half known. */
import { decodeIndexChunk, type IndexedPack } from '@holdfast/codec';
import { HoldfastError, type PackId } from '@holdfast/protocol';
import type { ClientContext } from '../ports.ts';
import type { VaultHead } from './head.ts';
import type { PackAccess } from './pack-access.ts';

type SyncContext = Pick<ClientContext, 'catalog' | 'mediator' | 'logger'>;

export interface SyncReport {
  /** Packs that index packs of the head told of. */
  readonly learned: number;
  /** Packs that the mediator has and no index names: their own tables were read. */
  readonly adopted: number;
  /** Packs of data or trees that the mediator does not have any more. */
  readonly forgotten: number;
}

/** Reads the index packs of the head that this catalog does not know yet. Enough for restoring. */
export async function learnIndex(
  { catalog }: Pick<SyncContext, 'catalog'>,
  access: PackAccess,
  head: VaultHead,
): Promise<number> {
  const known = new Set(catalog.indexPackIds());
  const { indexPacks } = head.content;
  let learned = 0;
  for (const packId of indexPacks) {
    if (known.has(packId)) continue;
    const { index, packs } = await readIndexPack(access, packId);
    catalog.addPacks([index, ...packs], { indexed: true });
    learned += packs.length;
    known.add(packId);
    catalog.setIndexed([], [...known]);
  }
  // Index packs that another machine merged away are no longer indexes, wherever their contents are named now.
  if (known.size !== indexPacks.length) catalog.setIndexed([], indexPacks);
  return learned;
}

/** @throws HoldfastError `codec.damaged`, `codec.too-few-shards` */
export async function readIndexPack(
  access: PackAccess,
  packId: PackId,
): Promise<{ index: IndexedPack; packs: IndexedPack[] }> {
  const places = await access.locate(packId);
  const pack = await access.readPack(packId);
  const reader = access.reader(packId);
  const { trailer, table } = reader.readPack(pack);
  const packs: IndexedPack[] = [];
  for (const entry of table.entries()) packs.push(...decodeIndexChunk(reader.openChunkOf(pack, entry)));
  const { shardLengthBytes } = places;
  return { index: { packId, kind: trailer.kind, policy: trailer.policy, shardLengthBytes, table }, packs };
}

/**
 * Compares the catalog with the mediator's list of packs: unknown ones are adopted by reading their tables, so that
 * nothing that was paid for is orphaned or sent again; vanished ones are forgotten, so that it is sent again.
 */
export async function reconcilePacks(
  { catalog, mediator, logger }: SyncContext,
  access: PackAccess,
): Promise<Omit<SyncReport, 'learned'>> {
  const known = new Set(catalog.packIds());
  const unknown: PackId[] = [];
  for await (const packId of mediator.listPacks()) if (!known.delete(packId)) unknown.push(packId);
  // Index packs come and go when another machine merges them.
  const forgotten = [...known].filter((packId) => catalog.getPack(packId)?.kind !== 'index').length;
  if (known.size > 0) catalog.removePacks([...known]);
  if (forgotten > 0) catalog.directories.distrust();
  await access.locateAll(unknown);
  let adopted = 0;
  for (const packId of unknown) {
    try {
      const pack = await access.readTable(packId);
      // An index pack that no head names was written by a run that died: its contents are found in the packs.
      catalog.addPacks([pack], { indexed: pack.kind === 'index' });
      adopted += 1;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code === 'client.interrupted') throw error;
      // Nothing is lost by leaving it: its chunks are sent again where they are needed.
      logger.warn({ packId, code: error.code, detail: error.message }, 'a pack of this vault could not be read');
    }
  }
  return { adopted, forgotten };
}
