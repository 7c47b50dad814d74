/** What the market knows of a node, and what a client asks of its nodes. */
import type { PackPolicy } from '@holdfast/protocol';
import type { NodeState } from '../nodes/index.ts';

export interface Offer {
  readonly nodeId: string;
  readonly operator: string;
  readonly region: string;
  /** The network that it counts for: at most one node of a set per network. */
  readonly subnet: string;
  readonly priceSatPerTbMonth: bigint;
  readonly egressSatPerTb: bigint;
  readonly freeBytes: number;
  readonly state: NodeState;
  readonly lastSeenAtMs: number;
}

/** What a client asks of its nodes; see `Terms` of the API. */
export interface Terms {
  readonly policy?: PackPolicy;
  readonly maxPriceSatPerTbMonth?: bigint;
  /** Empty: any. */
  readonly regions: readonly string[];
  readonly avoidOperators: readonly string[];
}

export interface OfferSource {
  /** All nodes that may stand on the market, in any state. */
  listOffers(): Promise<Offer[]>;
}
