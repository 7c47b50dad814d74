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
  const regions = new Set(request.regions);
  const avoidOperators = new Set(request.avoidOperators);
  const seenSinceMs = request.nowMs - request.offlineAfterMs;
  const { maxPriceSatPerTbMonth: cap } = request;
  return (row) => {
    if (index.isOnOffer[row] === 0) return 'state';
    if (index.lastSeenAtMs[row]! < seenSinceMs) return 'offline';
    const offer = index.offers[row]!;
    if (cap !== undefined && offer.priceSatPerTbMonth > cap) return 'price-cap';
    if (regions.size > 0 && !regions.has(offer.region)) return 'region';
    if (avoidOperators.size > 0 && avoidOperators.has(offer.operator)) return 'operator-avoided';
    if (index.freeBytes[row]! < request.bytesPerNode) return 'no-space';
    return undefined;
  };
}

/** Rows in the order of preference: by price, those that are to be avoided after all others. */
function* preferred(index: MarketIndex, avoided: ReadonlySet<number>): Generator<number> {
  for (let row = 0; row < index.offers.length; row += 1) if (!avoided.has(row)) yield row;
  yield* [...avoided].sort((a, b) => a - b);
}

function chooseRows(index: MarketIndex, request: ChooseRequest): number[] {
  const isIneligible = ineligibility(index, request);
  const avoided = new Set(request.avoidNodes.map((id) => index.rowOf.get(id)).filter((row) => row !== undefined));
  const takenOperators = new Set<number>();
  const takenSubnets = new Set<number>();
  const chosen: number[] = [];
  let operatorExplainsAll = true;
  let subnetExplainsAll = true;
  for (const row of preferred(index, avoided)) {
    if (chosen.length === request.nodeCount) break;
    if (isIneligible(row) !== undefined) continue;
    const isOperatorTaken = takenOperators.has(index.operators[row]!);
    const isSubnetTaken = request.onePerSubnet && takenSubnets.has(index.subnets[row]!);
    if (isOperatorTaken || isSubnetTaken) {
      operatorExplainsAll &&= isOperatorTaken;
      subnetExplainsAll &&= isSubnetTaken;
      continue;
    }
    takenOperators.add(index.operators[row]!);
    takenSubnets.add(index.subnets[row]!);
    chosen.push(row);
  }
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
  const perOperator = new Map<number, number>();
  const perSubnet = new Map<number, number>();
  const takenOperators = new Set<number>();
  const takenSubnets = new Set<number>();
  let independentCount = 0;
  for (const row of preferred(index, avoided)) {
    if (independentCount === 2 * size - 1) break;
    if (isIneligible(row) !== undefined) continue;
    const operator = index.operators[row]!;
    const subnet = index.subnets[row]!;
    const pair = operator * index.subnetCount + subnet;
    if (seen.has(pair)) continue;
    seen.add(pair);
    const ofOperator = (perOperator.get(operator) ?? 0) + 1;
    const ofSubnet = (perSubnet.get(subnet) ?? 0) + 1;
    perOperator.set(operator, ofOperator);
    perSubnet.set(subnet, ofSubnet);
    if (!takenOperators.has(operator) && !takenSubnets.has(subnet)) {
      takenOperators.add(operator);
      takenSubnets.add(subnet);
      independentCount += 1;
    }
    if (ofOperator > size || ofSubnet > size) continue;
    rows.push(row);
    edges.push({ operator, subnet, reluctance: avoided.has(row) ? 1 : 0, cost: index.costs[row]! });
  }
  return cheapestMatching(edges, size).map((place) => rows[place]!);
}
