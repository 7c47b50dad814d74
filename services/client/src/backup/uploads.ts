/** Where packs go: opens uploads at the mediator as they are needed, and others when nodes fail or grants run out. */
import type { PackPolicy } from '@holdfast/codec';
import type { Clock, Logger } from '@holdfast/platform';
import { type ErrorCode, EXIT_CODES, fail, GROUP_BYTES, HoldfastError, type NodeId, shortId } from '@holdfast/protocol';
import { assignTargets, isGrantError, type Placement, type PlaceRequest } from '../pipeline/index.ts';
import { fromPlainError } from '../pipeline/plain-error.ts';
import type { NodeTarget, Upload, VaultMediator } from '../ports.ts';

export interface UploadsOptions {
  readonly mediator: VaultMediator;
  readonly policy: PackPolicy;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Bytes that are still to be stored, as far as one can tell now, and whether that is all. */
  readonly bytesAhead: () => { readonly bytes: number; readonly isAll: boolean };
  readonly onNodeFailed?: (nodeId: NodeId, detail: string) => void;
}

/** What a node may say or do so that its shard goes to another one. */
const REPLACEABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'remote.unreachable',
  'remote.unexpected',
  'tls.wrong-peer',
  'limit.rate',
  'limit.connections',
  'node.full',
  'node.busy',
  'node.disk',
  'shard.root-mismatch',
  'shard.bad-length',
  'receipt.wrong-shard',
  'message.malformed',
  'message.bad-signature',
  'internal.unexpected',
]);

/** An upload with less time left is not begun with. */
const LEAST_TIME_LEFT_MS = 60_000;
/** Reserved at once at the most; a larger backup opens one upload after the other. */
const MOST_BYTES = 64 * 1024 ** 3;
/** Tables, tags, and shards that are not full. */
const OVERHEAD = 1.05;
/** Packs that end half empty: of each worker, of trees, of the index. */
const LOOSE_PACKS = 8;

interface OpenUpload extends Upload {
  usedBytesPerNode: number;
}

export class Uploads {
  readonly #options: UploadsOptions;
  readonly #opened: Upload[] = [];
  /** Nodes that failed in this run. */
  readonly #failed = new Set<NodeId>();
  #current: OpenUpload | undefined;
  /** Bytes of packs that got their place, before redundancy. */
  placedBytes = 0;
  #rotation = 0;
  #lastSizeBytes = 0;
  /** Placements are made one after the other, so that one upload is opened where several packs want one. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: UploadsOptions) {
    this.#options = options;
  }

  /** Nodes of all uploads of this run, with grants to put. */
  targets(): NodeTarget[] {
    return [...new Map(this.#opened.flatMap(({ nodes }) => nodes).map((node) => [node.nodeId, node])).values()];
  }

  place(request: PlaceRequest): Promise<Placement> {
    const placing = this.#turn.then(() => this.#place(request));
    this.#turn = placing.catch(() => undefined);
    return placing;
  }

  /** Gives back what was reserved and not used. Best effort: it is given back at the expiry anyway. */
  async close(): Promise<void> {
    for (const { uploadId } of this.#opened.splice(0)) {
      try {
        await this.#options.mediator.closeUpload(uploadId);
      } catch (error) {
        this.#options.logger.warn({ uploadId, err: error }, 'an upload could not be closed; it will expire');
      }
    }
    this.#current = undefined;
  }

  async #place({ shardLengthBytes, failed }: PlaceRequest): Promise<Placement> {
    if (failed !== undefined) this.#note(failed);
    let upload = this.#current;
    if (upload !== undefined && !this.#hasRoom(upload, shardLengthBytes)) upload = undefined;
    upload ??= await this.#open(shardLengthBytes);
    upload.usedBytesPerNode += shardLengthBytes;
    this.placedBytes += shardLengthBytes * this.#options.policy.dataShards;
    this.#rotation += 1;
    const targets = assignTargets(upload.nodes, failed?.placement.targets, this.#rotation);
    const patient = upload.nodes.some(({ nodeId }) => this.#failed.has(nodeId));
    return { uploadId: upload.uploadId, targets, patient };
  }

  /** @throws HoldfastError when trying elsewhere would not help */
  #note({ placement, nodeId, error: plain }: NonNullable<PlaceRequest['failed']>): void {
    const error = fromPlainError(plain);
    // Others may have met the same failure: whoever comes first opens the next upload.
    if (this.#current?.uploadId === placement.uploadId) this.#current = undefined;
    if (isGrantError(error)) return;
    if (!REPLACEABLE.has(error.code)) throw error;
    if (placement.patient && this.#failed.has(nodeId)) {
      throw fail('client.no-replacement', { nodeId: shortId(nodeId), detail: error.message }, error);
    }
    if (this.#failed.has(nodeId)) return;
    this.#failed.add(nodeId);
    this.#options.logger.warn(
      { nodeId, code: error.code, detail: error.message },
      'a node failed; another takes its place',
    );
    this.#options.onNodeFailed?.(nodeId, error.message);
  }

  #hasRoom({ quotaBytesPerNode, usedBytesPerNode, expiresAtMs }: OpenUpload, shardLengthBytes: number): boolean {
    const timeLeftMs = expiresAtMs - this.#options.clock.nowMs();
    return usedBytesPerNode + shardLengthBytes <= quotaBytesPerNode && timeLeftMs > LEAST_TIME_LEFT_MS;
  }

  async #open(shardLengthBytes: number): Promise<OpenUpload> {
    const { policy, bytesAhead, logger } = this.#options;
    const { dataShards } = policy;
    const { bytes, isAll } = bytesAhead();
    const loose = LOOSE_PACKS * dataShards * GROUP_BYTES;
    const within = (wanted: number): number => Math.max(Math.min(wanted, MOST_BYTES), shardLengthBytes * dataShards);
    const needed = within(Math.ceil(bytes * OVERHEAD) + loose);
    // While the scan goes on nobody knows how much will come: twice as much each time, so that uploads stay few.
    const hoped = isAll ? needed : within(Math.max(needed, 2 * this.#lastSizeBytes));
    const { upload, sizeBytes } = await this.#ask(hoped, needed);
    this.#lastSizeBytes = sizeBytes;
    this.#opened.push(upload);
    this.#current = { ...upload, usedBytesPerNode: 0 };
    logger.debug({ uploadId: upload.uploadId, sizeBytes, nodes: upload.nodes.length }, 'upload opened');
    return this.#current;
  }

  async #ask(hoped: number, needed: number): Promise<{ upload: Upload; sizeBytes: number }> {
    const { mediator } = this.#options;
    const avoid = [...this.#failed];
    try {
      return { upload: await mediator.openUpload(hoped, avoid), sizeBytes: hoped };
    } catch (error) {
      // Nodes may have room for what is surely needed, where they have none for what may come.
      if (hoped === needed || !(error instanceof HoldfastError) || error.exitCode !== EXIT_CODES.refused) throw error;
      return { upload: await mediator.openUpload(needed, avoid), sizeBytes: needed };
    }
  }
}
