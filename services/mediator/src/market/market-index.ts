/** All offers in the order in which they would be chosen, in flat arrays, so that a choice among 100,000 ends after a few dozen looks. */
import { effectivePrice } from './effective-price.ts';
import type { Offer } from './ports.ts';

export interface MarketIndex {
  /** By effective price, then node id: a row is a place in this order. */
  readonly offers: readonly Offer[];
  /** Effective price, millisatoshi per TB and month. */
  readonly costs: Float64Array;
  /** The price asked, satoshi per TB and month. */
  readonly prices: Float64Array;
  /** The lowest price asked in this row or any later one: where it is above a cap, nothing is left to look for. */
  readonly lowestPrices: Float64Array;
  readonly freeBytes: Float64Array;
  readonly lastSeenAtMs: Float64Array;
  /** Dense numbers of the operator, of the network and of the region. */
  readonly operators: Int32Array;
  readonly subnets: Int32Array;
  readonly regions: Int32Array;
  /** 1 where the state allows to be chosen. */
  readonly isOnOffer: Uint8Array;
  readonly rowOf: ReadonlyMap<string, number>;
  readonly operatorNumbers: ReadonlyMap<string, number>;
  readonly regionNumbers: ReadonlyMap<string, number>;
  readonly subnetCount: number;
}

export function createMarketIndex(offers: readonly Offer[]): MarketIndex {
  const priced = offers.map((offer) => ({ offer, cost: effectivePrice(offer) }));
  priced.sort((a, b) => a.cost - b.cost || (a.offer.nodeId < b.offer.nodeId ? -1 : 1));
  const operatorNumbers = new Map<string, number>();
  const subnetNumbers = new Map<string, number>();
  const regionNumbers = new Map<string, number>();
  const numberIn = (numbers: Map<string, number>, name: string): number => {
    const known = numbers.get(name);
    if (known !== undefined) return known;
    numbers.set(name, numbers.size);
    return numbers.size - 1;
  };
  const prices = Float64Array.from(priced, ({ offer }) => Number(offer.priceSatPerTbMonth));
  return {
    offers: priced.map(({ offer }) => offer),
    costs: Float64Array.from(priced, ({ cost }) => cost),
    prices,
    lowestPrices: lowestFromHereOn(prices),
    freeBytes: Float64Array.from(priced, ({ offer }) => offer.freeBytes),
    lastSeenAtMs: Float64Array.from(priced, ({ offer }) => offer.lastSeenAtMs),
    operators: Int32Array.from(priced, ({ offer }) => numberIn(operatorNumbers, offer.operator)),
    subnets: Int32Array.from(priced, ({ offer }) => numberIn(subnetNumbers, offer.subnet)),
    regions: Int32Array.from(priced, ({ offer }) => numberIn(regionNumbers, offer.region)),
    isOnOffer: Uint8Array.from(priced, ({ offer }) => (isOnOffer(offer) ? 1 : 0)),
    rowOf: new Map(priced.map(({ offer }, row) => [offer.nodeId, row])),
    operatorNumbers,
    regionNumbers,
    subnetCount: subnetNumbers.size,
  };
}

function lowestFromHereOn(prices: Float64Array): Float64Array {
  let lowest = Infinity;
  return prices
    .toReversed()
    .map((price) => (lowest = Math.min(lowest, price)))
    .reverse();
}

const isOnOffer = ({ state }: Pick<Offer, 'state'>): boolean => state === 'vetting' || state === 'active';

/** Notes what changes often without building the index anew. False when the node is not in it. */
export function updateOffer(
  index: MarketIndex,
  nodeId: string,
  change: { readonly freeBytes?: number; readonly lastSeenAtMs?: number },
): boolean {
  const row = index.rowOf.get(nodeId);
  if (row === undefined) return false;
  if (change.freeBytes !== undefined) index.freeBytes[row] = change.freeBytes;
  if (change.lastSeenAtMs !== undefined) index.lastSeenAtMs[row] = change.lastSeenAtMs;
  return true;
}
