/** Brings the shards of one pack to n distinct nodes: retries, and moves the pack to another upload where a node fails. */
import type { Clock } from '@holdfast/platform';
import { type HoldfastError, type NodeId, type PackId } from '@holdfast/protocol';
import type { NodeTransport } from '../ports.ts';
import { throwIfStopped, withRetries } from '../transport/retry.ts';
import type { FromWorker, Placement } from './messages.ts';
import { toPlainError } from './plain-error.ts';

/** A masked shard with its root. */
export interface ReadyShard {
  readonly root: string;
  readonly body: Uint8Array;
}

export interface SentPack {
  readonly placement: Placement;
  /** By shard index. */
  readonly receipts: readonly string[];
}

type PlaceRequest = Extract<FromWorker, { type: 'place' }>;

export interface ShardSenderOptions {
  readonly nodes: Pick<NodeTransport, 'putShard'>;
  readonly clock: Clock;
  /** Asks where a pack's shards go; rejects when there is nowhere. */
  readonly place: (request: Omit<PlaceRequest, 'type'>) => Promise<Placement>;
  readonly retryDelaysMs: readonly number[];
  readonly patientRetryDelaysMs: readonly number[];
  readonly signal: AbortSignal;
  readonly onStored?: (sizeBytes: number) => void;
}

type Failed = NonNullable<PlaceRequest['failed']>;

/** Sends the shards of one pack, each as soon as it is ready. */
export class PackSender {
  readonly #options: ShardSenderOptions;
  readonly #packId: PackId;
  readonly #shardLengthBytes: number;
  readonly #shards: ReadyShard[] = [];
  readonly #sending: Promise<string | Failed>[] = [];
  #placement: Placement | undefined;

  constructor(options: ShardSenderOptions, packId: PackId, shardLengthBytes: number) {
    this.#options = options;
    this.#packId = packId;
    this.#shardLengthBytes = shardLengthBytes;
  }

  /** Before the first shard. @throws HoldfastError when there are no nodes for it */
  async place(failed?: Failed): Promise<void> {
    this.#placement = await this.#options.place({
      packId: this.#packId,
      shardLengthBytes: this.#shardLengthBytes,
      ...(failed === undefined ? {} : { failed }),
    });
  }

  /** In order of the index; the body must stay as it is until `finish` resolves. */
  send(shard: ReadyShard): void {
    this.#shards.push(shard);
    this.#sending.push(this.#put(this.#shards.length - 1));
  }

  /** Resolves when every shard was acknowledged. @throws HoldfastError when there is no way */
  async finish(): Promise<SentPack> {
    for (;;) {
      const outcomes = await Promise.all(this.#sending);
      const failed = outcomes.find((outcome) => typeof outcome !== 'string');
      throwIfStopped(this.#options.signal);
      if (failed === undefined) return { placement: this.#placement!, receipts: outcomes as string[] };
      // All of the pack moves to the new upload, so that its receipts belong together. Nodes that have their shard
      // already answer with a receipt again.
      await this.place(failed);
      this.#sending.length = 0;
      for (const index of this.#shards.keys()) this.#sending.push(this.#put(index));
    }
  }

  /** The receipt, or what went wrong for good. Never rejects, so that no shard's failure goes unobserved. */
  async #put(shardIndex: number): Promise<string | Failed> {
    const { nodes, clock, signal, retryDelaysMs, patientRetryDelaysMs, onStored } = this.#options;
    const placement = this.#placement!;
    const target = placement.targets[shardIndex]!;
    const { root, body } = this.#shards[shardIndex]!;
    const shard = { packId: this.#packId, shardIndex, uploadId: placement.uploadId, root, body };
    const delaysMs = placement.patient ? patientRetryDelaysMs : retryDelaysMs;
    try {
      const token = await withRetries({ clock, signal, delaysMs }, () => nodes.putShard(target, shard, signal));
      onStored?.(body.length);
      return token;
    } catch (error) {
      return { placement, nodeId: target.nodeId, error: toPlainError(error) };
    }
  }
}

/** Errors that are no fault of the node: its grant has run out, and a new upload is all that is needed. */
export const isGrantError = (error: Pick<HoldfastError, 'code'>): boolean =>
  error.code === 'grant.expired' ||
  error.code === 'grant.quota-exceeded' ||
  error.code === 'upload.expired' ||
  error.code === 'upload.unknown' ||
  error.code === 'upload.quota-exceeded';

/** By shard index: nodes keep their shards where they can, so that a pack that moves is mostly there already. */
export function assignTargets<Node extends { readonly nodeId: NodeId }>(
  nodes: readonly Node[],
  before: readonly { readonly nodeId: NodeId }[] | undefined,
  rotation: number,
): Node[] {
  if (before === undefined) return nodes.map((_, index) => nodes[(index + rotation) % nodes.length]!);
  const left = new Map(nodes.map((node) => [node.nodeId, node]));
  const kept = before.map(({ nodeId }) => {
    const node = left.get(nodeId);
    left.delete(nodeId);
    return node;
  });
  const others = left.values();
  return kept.map((node) => node ?? others.next().value!);
}
