/** What storing some bytes would cost, on which nodes, and why not on the others. Pure. */
import {
  bytes,
  BYTES_PER_TB,
  checkPolicy,
  defaultPolicy,
  fail,
  fitPolicy,
  type FittedPolicy,
  GROUP_BYTES,
  monthlyCostMsat,
  type PackPolicy,
  satPerTbMonth,
} from '@holdfast/protocol';
import { type Choice, type ChooseRequest, chooseNodes, countIndependentNodes } from './choose-nodes.ts';
import { explainChoice, type Refusal } from './explain-choice.ts';
import type { MarketIndex } from './market-index.ts';
import type { Offer, Terms } from './ports.ts';

export interface MarketRules {
  readonly onePerSubnet: boolean;
  readonly nowMs: number;
  readonly offlineAfterMs: number;
}

export interface Quote extends FittedPolicy {
  readonly bytes: number;
  readonly storedBytes: number;
  readonly monthlyCostMsat: bigint;
  /** At the most: from the k dearest of the nodes. */
  readonly restoreCostMsat: bigint;
  readonly chosen: readonly Offer[];
  readonly refused: readonly Refusal[];
}

/** Beyond so many independent nodes their number makes no difference to anybody. */
const COUNTED_NODES = 100;
const MAX_REFUSALS = 200;

/** Bytes that each of a policy's nodes stores of so many plain bytes: whole groups. */
export const bytesPerNode = (plainBytes: number, { dataShards }: PackPolicy): number =>
  Math.ceil(plainBytes / dataShards / GROUP_BYTES) * GROUP_BYTES;

export function requestFor(
  terms: Terms,
  policy: PackPolicy,
  plainBytes: number,
  rules: MarketRules,
  avoidNodes: readonly string[] = [],
): ChooseRequest {
  const { maxPriceSatPerTbMonth: cap, regions, avoidOperators } = terms;
  return {
    nodeCount: policy.dataShards + policy.parityShards,
    bytesPerNode: bytesPerNode(plainBytes, policy),
    ...(cap !== undefined && { maxPriceSatPerTbMonth: cap }),
    regions,
    avoidOperators,
    avoidNodes,
    ...rules,
  };
}

/**
 * The policy that the terms name, or the default for as many independent nodes as the market has for them.
 * @throws HoldfastError `policy.*`, `market.no-offer`
 */
export function choosePolicy(index: MarketIndex, terms: Terms, plainBytes: number, rules: MarketRules): FittedPolicy {
  const countFor = (policy: PackPolicy): number =>
    countIndependentNodes(index, requestFor(terms, policy, plainBytes, rules), COUNTED_NODES);
  if (terms.policy !== undefined) {
    checkPolicy(terms.policy);
    return fitPolicy(terms.policy, countFor(terms.policy));
  }
  // The fewer data shards, the more space each node needs, and the fewer nodes have it.
  let fitted = defaultPolicy(atLeastOne(countFor({ dataShards: 10, parityShards: 10 })));
  for (;;) {
    const again = defaultPolicy(atLeastOne(countFor(fitted.policy)));
    if (again.policy.dataShards >= fitted.policy.dataShards) return fitPolicy(fitted.policy, countFor(fitted.policy));
    fitted = again;
  }
}

function atLeastOne(count: number): number {
  if (count === 0) throw fail('market.no-offer');
  return count;
}

/** @throws HoldfastError `policy.*`, `market.no-offer` */
export function quote(index: MarketIndex, terms: Terms, plainBytes: number, rules: MarketRules): Quote {
  const fitted = choosePolicy(index, terms, plainBytes, rules);
  const request = requestFor(terms, fitted.policy, plainBytes, rules);
  const choice: Choice = chooseNodes(index, request);
  const perNode = bytes(request.bytesPerNode);
  const egress = choice.chosen.map(({ egressSatPerTb }) => egressSatPerTb).sort((a, b) => (a < b ? 1 : -1));
  const restoreSatPerTb = egress.slice(0, fitted.policy.dataShards).reduce((sum, price) => sum + price, 0n);
  return {
    ...fitted,
    bytes: plainBytes,
    storedBytes: perNode * request.nodeCount,
    monthlyCostMsat: choice.chosen.reduce(
      (sum, offer) => sum + monthlyCostMsat(perNode, satPerTbMonth(offer.priceSatPerTbMonth)),
      0n,
    ),
    restoreCostMsat: (BigInt(perNode) * restoreSatPerTb * 1000n + BYTES_PER_TB - 1n) / BYTES_PER_TB,
    chosen: choice.chosen,
    refused: explainChoice(index, request, choice, MAX_REFUSALS),
  };
}
