/**
 * Index packs that this machine wrote, noted before they are committed: one that no head came to name, because the run
 * died, is dropped by the next run. Those of other machines are left alone: their head may be about to move.
 */
import type { PackId } from '@holdfast/protocol';
import type { Catalog } from './catalog.ts';

type Facts = Pick<Catalog, 'getFact' | 'setFact'>;

const FACT = 'own-index-packs';

export const ownIndexPacks = (catalog: Facts): PackId[] =>
  (catalog.getFact(FACT) ?? '').split(' ').filter((packId) => packId !== '');

export function noteIndexPacks(catalog: Facts, packIds: readonly PackId[]): void {
  keepIndexPacks(catalog, [...new Set([...ownIndexPacks(catalog), ...packIds])]);
}

/** From now on these are all. */
export function keepIndexPacks(catalog: Facts, packIds: readonly PackId[]): void {
  catalog.setFact(FACT, packIds.join(' '));
}
