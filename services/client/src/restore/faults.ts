/** Which node served what: collected while restoring or checking, bounded, and told in the report. */
import { type ErrorCode, HoldfastError, type NodeId, type PackId } from '@holdfast/protocol';
import type { ReadFault } from '../vault/index.ts';

export type FaultKind =
  /** No connection, or it broke off. */
  | 'unreachable'
  /** The bytes do not match the shard's root: damaged, stale or made up. */
  | 'wrong-bytes'
  /** Another length than the shard has. */
  | 'wrong-length'
  /** The node has no such shard, or says itself that it is damaged. */
  | 'lost'
  /** An answer with any other error. */
  | 'refused';

export interface Fault {
  readonly nodeId: NodeId;
  readonly packId: PackId;
  readonly shardIndex: number;
  readonly kind: FaultKind;
  /** A sentence. */
  readonly detail: string;
}

/** The faults of one node: how many of each kind, and the first one in words. */
export interface NodeFaults {
  readonly nodeId: NodeId;
  readonly counts: Partial<Record<FaultKind, number>>;
  readonly first: Fault;
}

export class FaultLog {
  readonly #nodes = new Map<NodeId, { counts: Partial<Record<FaultKind, number>>; first: Fault }>();
  readonly #onFault: ((fault: Fault) => void) | undefined;

  constructor(onFault?: (fault: Fault) => void) {
    this.#onFault = onFault;
  }

  add(fault: Fault): void {
    let node = this.#nodes.get(fault.nodeId);
    if (node === undefined) this.#nodes.set(fault.nodeId, (node = { counts: {}, first: fault }));
    node.counts[fault.kind] = (node.counts[fault.kind] ?? 0) + 1;
    this.#onFault?.(fault);
  }

  /** By node id. */
  summary(): NodeFaults[] {
    return [...this.#nodes]
      .map(([nodeId, { counts, first }]) => ({ nodeId, counts: { ...counts }, first }))
      .toSorted((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }
}

/** What the slower reader of trees and tables says of a node. */
export const asFault = ({ nodeId, packId, shardIndex, detail, cause }: ReadFault): Fault => {
  const isDamage = cause instanceof HoldfastError && cause.code === 'codec.damaged';
  return { nodeId, packId, shardIndex, detail, kind: isDamage ? 'wrong-bytes' : faultOf(cause).kind };
};

/** What a failed request says about the node. */
export function faultOf(error: unknown): Pick<Fault, 'kind' | 'detail'> {
  if (!(error instanceof HoldfastError)) return { kind: 'unreachable', detail: String(error) };
  const detail = error.message;
  return { kind: KINDS.get(error.code) ?? 'refused', detail };
}

const KINDS: ReadonlyMap<ErrorCode, FaultKind> = new Map([
  ['remote.unreachable', 'unreachable'],
  ['tls.wrong-peer', 'unreachable'],
  ['shard.unknown', 'lost'],
  ['shard.damaged', 'lost'],
  ['remote.unexpected', 'wrong-length'],
]);
