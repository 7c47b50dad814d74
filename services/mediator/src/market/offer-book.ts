/** The market index of this process: loaded when it is asked for and stale, patched when something small changes here. */
import type { Clock } from '@holdfast/platform';
import { createMarketIndex, type MarketIndex, updateOffer } from './market-index.ts';
import type { OfferSource } from './ports.ts';

export interface OfferChange {
  readonly freeBytes?: number;
  readonly lastSeenAtMs?: number;
}

export interface OfferBook {
  /** As of now, except for what other processes changed within the last seconds. */
  read(): Promise<MarketIndex>;
  /** Something about a node changed that the index is built on; the next read loads anew. */
  invalidate(): void;
  patch(nodeId: string, change: OfferChange): void;
}

/** Other processes over the same database register nodes and reserve space, too. */
const MAX_AGE_MS = 15_000;

export function createOfferBook(source: OfferSource, clock: Clock): OfferBook {
  let index: MarketIndex | undefined;
  let loadedAtMs = 0;
  let loading: Promise<MarketIndex> | undefined;
  /** Made while a load was under way, which may or may not have seen them. */
  let patches: [string, OfferChange][] = [];

  const load = (): Promise<MarketIndex> => {
    patches = [];
    const mine: Promise<MarketIndex> = source
      .listOffers()
      .then((offers) => {
        const loaded = createMarketIndex(offers);
        if (loading === mine) {
          for (const [nodeId, change] of patches) updateOffer(loaded, nodeId, change);
          index = loaded;
          loadedAtMs = clock.nowMs();
        }
        return loaded;
      })
      .finally(() => {
        if (loading === mine) loading = undefined;
      });
    loading = mine;
    return mine;
  };
  return {
    read: async () => {
      if (index !== undefined && Math.abs(clock.nowMs() - loadedAtMs) <= MAX_AGE_MS) return index;
      return loading ?? load();
    },
    invalidate: () => {
      index = undefined;
      loading = undefined;
    },
    patch: (nodeId, change) => {
      if (loading !== undefined) patches.push([nodeId, change]);
      if (index !== undefined) updateOffer(index, nodeId, change);
    },
  };
}
