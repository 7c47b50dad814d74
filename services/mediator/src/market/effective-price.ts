/**
 * A node's price adjusted by the expected cost of replacing it. When a node goes, its shards are paid for twice in that month (at the node
 * that went and at the one that follows), and somebody has to fetch k shards and write one anew. Weighted by how
 * likely a node is to go within a month:
 *
 *   effective = price + lossProbability(state) × (price + rebuild cost)
 *
 * so a newcomer is chosen over a proven node only when it is about 4 % cheaper.
 */
import type { NodeState } from '../nodes/index.ts';

/** What rebuilding a terabyte costs in traffic and work, in satoshi: a round guess that matters for very cheap offers only. */
const REBUILD_SAT_PER_TB = 50n;

/** Per month, in thousandths. */
const LOSS_PERMILLE: Readonly<Record<NodeState, bigint>> = {
  active: 10n,
  vetting: 50n,
  unreached: 1000n,
  suspended: 1000n,
  leaving: 1000n,
  disqualified: 1000n,
};

/**
 * In millisatoshi per TB and month. Exact as a number for prices up to 10^11 sat, and so is the sum of 40 of them
 * for nodes that can be chosen.
 */
export function effectivePrice(offer: { priceSatPerTbMonth: bigint; state: NodeState }): number {
  const price = offer.priceSatPerTbMonth;
  return Number(price * 1000n + LOSS_PERMILLE[offer.state] * (price + REBUILD_SAT_PER_TB));
}
