/**
 * The cheapest set of n nodes that satisfies every constraint: exactly, not nearly. Cheapest first is exact as long as only one of the two
 * "at most one per …" rules makes it pass a node over (one such rule alone is a partition matroid); where both do,
 * a matching decides among the few nodes that can matter.
 */
import { cheapestMatching, type Edge } from './cheapest-matching.ts';
import type { MarketIndex } from './market-index.ts';
import type { Offer } from './ports.ts';

export interface ChooseRequest {
  readonly nodeCount: number;
  /** Space that each node must have left. */
  readonly bytesPerNode: number;
  readonly maxPriceSatPerTbMonth?: bigint;
  /** Empty: any. */
  readonly regions: readonly string[];
  readonly avoidOperators: readonly string[];
  /** Passed over where others will do. */
  readonly avoidNodes: readonly string[];
  /** At most one node per network. */
  readonly onePerSubnet: boolean;
  readonly nowMs: number;
  /** A node not seen for longer than this is not chosen. */
  readonly offlineAfterMs: number;
}

export interface Choice {
  /** Cheapest first; fewer than asked for when no larger set of independent nodes exists. */
  readonly chosen: readonly Offer[];
}

export type RefusalReason =
  | 'dearer'
  | 'price-cap'
  | 'region'
  | 'operator-avoided'
  | 'same-operator'
  | 'same-subnet'
  | 'no-space'
  | 'offline'
  | 'state'
  | 'asked-to-avoid';

export function chooseNodes(index: MarketIndex, request: ChooseRequest): Choice {
  const rows = chooseRows(index, request);
  return { chosen: rows.map((row) => index.offers[row]!) };
}

/** How many independent nodes satisfy the request, counted up to `limit`. */
export const countIndependentNodes = (
  index: MarketIndex,
  request: Omit<ChooseRequest, 'nodeCount'>,
  limit: number,
): number => chooseRows(index, { ...request, nodeCount: limit }).length;

/** Why that row cannot be chosen whatever else is; undefined when it can. */
export function ineligibility(index: MarketIndex, request: ChooseRequest): (row: number) => RefusalReason | undefined {
  const { isOnOffer, lastSeenAtMs, freeBytes, prices, regions, operators } = index;
  const isRegionWanted = wanted(index.regionNumbers, request.regions, request.regions.length === 0);
  const isOperatorWanted = wanted(index.operatorNumbers, request.avoidOperators, true);
  const seenSinceMs = request.nowMs - request.offlineAfterMs;
  const cap = priceCap(request);
  return (row) => {
    if (isOnOffer[row] === 0) return 'state';
    if (lastSeenAtMs[row]! < seenSinceMs) return 'offline';
    if (prices[row]! > cap) return 'price-cap';
    if (isRegionWanted[regions[row]!] === 0) return 'region';
    if (isOperatorWanted[operators[row]!] === 0) return 'operator-avoided';
    if (freeBytes[row]! < request.bytesPerNode) return 'no-space';
    return undefined;
  };
}

/** By number, whether it is wanted: all names are as `others` says but those listed, which are the opposite. */
function wanted(numbers: ReadonlyMap<string, number>, listed: readonly string[], others: boolean): Uint8Array {
  const isWanted = new Uint8Array(numbers.size).fill(others ? 1 : 0);
  if (others && listed.length === 0) return isWanted;
  for (const name of listed) {
    const number = numbers.get(name);
    if (number !== undefined) isWanted[number] = others ? 0 : 1;
  }
  return isWanted;
}

/** Nothing costs more. */
const priceCap = ({ maxPriceSatPerTbMonth }: Pick<ChooseRequest, 'maxPriceSatPerTbMonth'>): number =>
  Number(maxPriceSatPerTbMonth ?? Number.MAX_VALUE);

/**
 * Calls `visit` for rows in the order of preference, by price and those that are to be avoided after all others, until it
 * says that it has enough, or none that is left asks as little as the cap.
 */
function visitPreferred(
  { offers, lowestPrices }: MarketIndex,
  { cap, avoided }: { readonly cap: number; readonly avoided: ReadonlySet<number> },
  visit: (row: number) => boolean,
): void {
  for (let row = 0; row < offers.length && lowestPrices[row]! <= cap; row += 1) {
    if (avoided.size > 0 && avoided.has(row)) continue;
    if (visit(row)) return;
  }
  for (const row of [...avoided].sort((a, b) => a - b)) if (visit(row)) return;
}

function chooseRows(index: MarketIndex, request: ChooseRequest): number[] {
  const isIneligible = ineligibility(index, request);
  const avoided = new Set(request.avoidNodes.map((id) => index.rowOf.get(id)).filter((row) => row !== undefined));
  const isOperatorTaken = new Uint8Array(index.operatorNumbers.size);
  const isSubnetTaken = new Uint8Array(index.subnetCount);
  const chosen: number[] = [];
  let operatorExplainsAll = true;
  let subnetExplainsAll = true;
  visitPreferred(index, { cap: priceCap(request), avoided }, (row) => {
    if (chosen.length === request.nodeCount) return true;
    if (isIneligible(row) !== undefined) return false;
    const operator = index.operators[row]!;
    const subnet = index.subnets[row]!;
    const byOperator = isOperatorTaken[operator] === 1;
    const bySubnet = request.onePerSubnet && isSubnetTaken[subnet] === 1;
    if (byOperator || bySubnet) {
      operatorExplainsAll &&= byOperator;
      subnetExplainsAll &&= bySubnet;
      return false;
    }
    isOperatorTaken[operator] = 1;
    isSubnetTaken[subnet] = 1;
    chosen.push(row);
    return false;
  });
  if (operatorExplainsAll || subnetExplainsAll) return chosen;
  return matchRows(index, request, avoided, isIneligible);
}

/**
 * The exact choice among the nodes that can be part of it. Left out is what an exchange argument excludes, rank meaning the order of
 * preference: of nodes with the same operator and network all but the first; of one operator, all beyond the first n networks (n − 1 others can take
 * at most n − 1 of them), and so for one network; and everything ranked after 2n − 1 independent nodes, of which n − 1 others can
 * exclude at most 2n − 2. An optimal set of the least sum of ranks uses none of these.
 */
function matchRows(
  index: MarketIndex,
  request: ChooseRequest,
  avoided: ReadonlySet<number>,
  isIneligible: (row: number) => RefusalReason | undefined,
): number[] {
  const size = request.nodeCount;
  const rows: number[] = [];
  const edges: Edge[] = [];
  const seen = new Set<number>();
  const perOperator = new Uint8Array(index.operatorNumbers.size);
  const perSubnet = new Uint8Array(index.subnetCount);
  const isOperatorTaken = new Uint8Array(index.operatorNumbers.size);
  const isSubnetTaken = new Uint8Array(index.subnetCount);
  let independentCount = 0;
  visitPreferred(index, { cap: priceCap(request), avoided }, (row) => {
    if (independentCount === 2 * size - 1) return true;
    const operator = index.operators[row]!;
    const subnet = index.subnets[row]!;
    // Once both are beyond their limit nothing of theirs matters any more; the limits count up to 255, sets have at most 100.
    if (perOperator[operator]! > size && perSubnet[subnet]! > size) return false;
    if (isIneligible(row) !== undefined) return false;
    const pair = operator * index.subnetCount + subnet;
    if (seen.has(pair)) return false;
    seen.add(pair);
    if (perOperator[operator]! <= size) perOperator[operator]! += 1;
    if (perSubnet[subnet]! <= size) perSubnet[subnet]! += 1;
    if (isOperatorTaken[operator] === 0 && isSubnetTaken[subnet] === 0) {
      isOperatorTaken[operator] = 1;
      isSubnetTaken[subnet] = 1;
      independentCount += 1;
    }
    if (perOperator[operator]! > size || perSubnet[subnet]! > size) return false;
    rows.push(row);
    edges.push({ operator, subnet, reluctance: avoided.has(row) ? 1 : 0, cost: index.costs[row]! });
    return false;
  });
  return cheapestMatching(edges, size).map((place) => rows[place]!);
}
