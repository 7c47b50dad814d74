/** Nodes that did not answer several times in a row: asking them about every shard would only cost their time-outs. */
import type { NodeId } from '@holdfast/protocol';
import type { Fault } from './faults.ts';

const FAILURES_IN_A_ROW = 3;

export class AwayNodes {
  readonly #failures = new Map<NodeId, number>();

  isAway(nodeId: NodeId): boolean {
    return (this.#failures.get(nodeId) ?? 0) >= FAILURES_IN_A_ROW;
  }

  /** It answered, whatever it said. */
  answered(nodeId: NodeId): void {
    this.#failures.delete(nodeId);
  }

  failed(nodeId: NodeId): void {
    this.#failures.set(nodeId, (this.#failures.get(nodeId) ?? 0) + 1);
  }

  note(nodeId: NodeId, kind: Fault['kind']): void {
    if (kind === 'unreachable') this.failed(nodeId);
    else this.answered(nodeId);
  }
}

/** What is said of shards that were not asked for. */
export const AWAY = {
  kind: 'unreachable',
  detail: 'The node did not answer several times in a row, so it was not asked again.',
} as const satisfies Pick<Fault, 'kind' | 'detail'>;
