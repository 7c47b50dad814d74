/** Leaves shard maps and the head at the nodes, so that a vault can be found without its mediator. Best effort. */
import type { NodeId } from '@holdfast/protocol';
import type { ClientContext, NodeTarget } from '../ports.ts';
import type { CommittedPack } from './commits.ts';

type CopyContext = Pick<ClientContext, 'nodes' | 'vaultId' | 'logger'>;

const MAPS_PER_REQUEST = 64;
/** Maps that wait for a slow node; beyond it the newest are left out, and the mediator's copy must do. */
const MOST_WAITING = 4096;

export interface CopyFailure {
  readonly nodeId: NodeId;
  /** A sentence. */
  readonly detail: string;
}

interface NodeQueue {
  readonly waiting: string[];
  working: Promise<void> | undefined;
}

export class NodeCopies {
  readonly #context: CopyContext;
  /** Nodes with a grant to put. */
  readonly #targets: () => readonly NodeTarget[];
  readonly #signal: AbortSignal;
  readonly #queues = new Map<NodeId, NodeQueue>();
  readonly #failures = new Map<NodeId, string>();

  constructor(context: CopyContext, targets: () => readonly NodeTarget[], signal: AbortSignal) {
    this.#context = context;
    this.#targets = targets;
    this.#signal = signal;
  }

  /** One line a node: what went wrong last. */
  get failures(): CopyFailure[] {
    return [...this.#failures].map(([nodeId, detail]) => ({ nodeId, detail }));
  }

  /** Each map goes to the nodes that hold a shard of its pack: many at a time, the last ones when all settles. */
  addMaps(packs: readonly CommittedPack[]): void {
    for (const { pack, commit } of packs) {
      for (const nodeId of pack.nodeIds) {
        let queue = this.#queues.get(nodeId);
        if (queue === undefined) this.#queues.set(nodeId, (queue = { waiting: [], working: undefined }));
        if (queue.waiting.length < MOST_WAITING) queue.waiting.push(commit);
      }
    }
    for (const [nodeId, queue] of this.#queues) {
      if (queue.waiting.length >= MAPS_PER_REQUEST) queue.working ??= this.#send(nodeId, queue);
    }
  }

  /** Sends what waits; resolves when all maps are delivered or given up. */
  async settle(): Promise<void> {
    for (const [nodeId, queue] of this.#queues) {
      if (queue.waiting.length > 0) queue.working ??= this.#send(nodeId, queue);
    }
    for (const queue of this.#queues.values()) await queue.working;
  }

  async putHead(head: string): Promise<void> {
    const { nodes, vaultId } = this.#context;
    await Promise.all(
      this.#targets().map((target) =>
        this.#try(target.nodeId, () => nodes.putHeadCopy(target, vaultId, head, this.#signal)),
      ),
    );
  }

  async #send(nodeId: NodeId, queue: NodeQueue): Promise<void> {
    const { nodes, vaultId } = this.#context;
    while (queue.waiting.length > 0 && !this.#signal.aborted) {
      const target = this.#targets().find((candidate) => candidate.nodeId === nodeId);
      const commits = queue.waiting.splice(0, MAPS_PER_REQUEST);
      if (target !== undefined) {
        await this.#try(nodeId, () => nodes.addShardMaps(target, vaultId, commits, this.#signal));
      }
    }
    queue.working = undefined;
  }

  async #try(nodeId: NodeId, attempt: () => Promise<void>): Promise<void> {
    try {
      await attempt();
      this.#failures.delete(nodeId);
    } catch (error) {
      const detail = error instanceof Error ? error.message : String(error);
      this.#failures.set(nodeId, detail);
      this.#context.logger.debug({ nodeId, detail }, 'a node did not take its copy');
    }
  }
}
