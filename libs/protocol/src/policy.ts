/** Which redundancy a vault may have and which it gets by default: by how many independent nodes are on offer, never below twice the data. */
import { fail } from './errors.ts';
import { MAX_DATA_SHARDS, MAX_SHARDS } from './limits.ts';

/** How a pack is spread: any `dataShards` of its `dataShards + parityShards` shards give it back. */
export interface PackPolicy {
  readonly dataShards: number;
  readonly parityShards: number;
}

/** Whether the format allows it: 1–20 data shards, n ≤ 40, n/k ≥ 2. */
export const isPolicy = ({ dataShards, parityShards }: PackPolicy): boolean =>
  dataShards >= 1 &&
  dataShards <= MAX_DATA_SHARDS &&
  parityShards >= dataShards &&
  dataShards + parityShards <= MAX_SHARDS;

/** @throws HoldfastError `policy.out-of-range`, `policy.redundancy-too-low` */
export function checkPolicy(policy: PackPolicy): void {
  const { dataShards, parityShards } = policy;
  if (Number.isInteger(dataShards) && Number.isInteger(parityShards)) {
    if (isPolicy(policy)) return;
    if (parityShards < dataShards) throw fail('policy.redundancy-too-low', { dataShards, parityShards });
  }
  throw fail('policy.out-of-range', { dataShards, parityShards });
}

/** With at least so many independent nodes, so many data shards and as many parity shards. Most nodes first. */
const DEFAULTS: readonly { readonly independentNodes: number; readonly dataShards: number }[] = [
  { independentNodes: 24, dataShards: 10 },
  { independentNodes: 12, dataShards: 5 },
  { independentNodes: 9, dataShards: 4 },
  { independentNodes: 7, dataShards: 3 },
  { independentNodes: 5, dataShards: 2 },
  // With two nodes there is no spare, and nothing smaller to choose: `fitPolicy` warns.
  { independentNodes: 2, dataShards: 1 },
];

export interface FittedPolicy {
  readonly policy: PackPolicy;
  /** Independent nodes beyond those that hold shards: where a lost shard can be rebuilt. */
  readonly spareNodes: number;
  /** A sentence for the client when there is no spare node. */
  readonly warning?: string;
}

/**
 * The default for a number of independent nodes (distinct operator and /24).
 * @throws HoldfastError `policy.too-few-nodes` below two.
 */
export function defaultPolicy(independentNodes: number): FittedPolicy {
  const entry = DEFAULTS.find((candidate) => independentNodes >= candidate.independentNodes);
  const dataShards = entry?.dataShards ?? 1;
  return fitPolicy({ dataShards, parityShards: dataShards }, independentNodes);
}

/**
 * Whether a policy that a client asks for can be met by so many independent nodes, and with how many to spare.
 * @throws HoldfastError `policy.out-of-range` or `policy.redundancy-too-low` for a policy that the format does not
 *   allow, `policy.too-few-nodes` when there is not a node of its own for each shard.
 */
export function fitPolicy(policy: PackPolicy, independentNodes: number): FittedPolicy {
  checkPolicy(policy);
  const { dataShards, parityShards } = policy;
  const needed = dataShards + parityShards;
  if (!(independentNodes >= needed)) {
    throw fail('policy.too-few-nodes', { needed, dataShards, parityShards, available: independentNodes });
  }
  const spareNodes = independentNodes - needed;
  if (spareNodes > 0) return { policy, spareNodes };
  return {
    policy,
    spareNodes,
    warning:
      `${dataShards}+${parityShards} takes all ${needed} independent nodes on offer: ` +
      'when one is lost, its shards cannot be rebuilt until another node joins.',
  };
}
