/**
 * Fetches any k good shards of one pack into a buffer: the best nodes first, a spare request when one is slow, another
 * node when one fails; every shard is checked against its root before it is used.
 */
import { maskShard, shardTree } from '@holdfast/codec';
import type { Clock } from '@holdfast/platform';
import { fail, HoldfastError, toHex } from '@holdfast/protocol';
import type { NodeTransport, PackPlaces } from '../ports.ts';
import { type Fault, faultOf } from './faults.ts';
import type { NodeScores } from './node-scores.ts';
import type { HeldShard, PackRebuilder } from './rebuild-pack.ts';

export interface FetchPackDeps {
  readonly nodes: Pick<NodeTransport, 'getShard'>;
  readonly scores: NodeScores;
  readonly clock: Clock;
  readonly rebuilder: PackRebuilder;
  readonly onFault: (fault: Fault) => void;
  /** Bytes of buffers that were made and dropped. */
  readonly onGarbage?: ((count: number) => void) | undefined;
  /** Bytes as they arrive, for progress. */
  readonly onBytes?: (count: number) => void;
  /** A spare request goes out when a shard takes longer than this, and than four times what is usual. Default 2 s. */
  readonly slowAfterMs?: number;
  /** The grants were just renewed: a node that still refuses them is to blame itself. */
  readonly grantsAreFresh?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** A shard that takes this many times as long as usual is slow. */
const SLOW_FACTOR = 4;
const SLOW_AFTER_MS = 2000;
/** While nothing is known of this network, wait this many times longer. */
const UNKNOWN_FACTOR = 5;

/** Room that `fetchPack` needs: k shards and one spare place. */
export const packBufferBytes = ({ dataShards, shardLengthBytes }: PackPlaces): number =>
  (dataShards + 1) * shardLengthBytes;

/**
 * The pack's bytes (k data shards, unmasked, in order) at the start of `buffer`, which is returned cut to them.
 * @param buffer at least `packBufferBytes`
 * @param maskKey of this pack, 32 bytes
 * @throws HoldfastError `codec.too-few-shards`, `client.interrupted`, `grant.*` when the grants should be renewed
 */
export async function fetchPack(
  deps: FetchPackDeps,
  places: PackPlaces,
  maskKey: Uint8Array,
  buffer: Uint8Array,
): Promise<Uint8Array> {
  const run = new PackFetch(deps, places, maskKey, buffer);
  const shards = await run.run();
  const { dataShards, parityShards, shardLengthBytes } = places;
  deps.rebuilder.rebuild(buffer, shardLengthBytes, shards, dataShards, parityShards);
  return buffer.subarray(0, dataShards * shardLengthBytes);
}

interface Running {
  readonly shardIndex: number;
  readonly slot: number;
  readonly startedMs: number;
  readonly stop: AbortController;
  readonly end: Promise<void>;
}

class PackFetch {
  readonly #deps: FetchPackDeps;
  readonly #places: PackPlaces;
  readonly #maskKey: Uint8Array;
  readonly #buffer: Uint8Array;
  readonly #candidates: number[];
  readonly #running = new Map<number, Running>();
  readonly #good: HeldShard[] = [];
  /** Stopped for being slow: asked again when nobody else is left. */
  readonly #late: number[] = [];
  #quickestMs = Number.POSITIVE_INFINITY;

  constructor(deps: FetchPackDeps, places: PackPlaces, maskKey: Uint8Array, buffer: Uint8Array) {
    this.#deps = deps;
    this.#places = places;
    this.#maskKey = maskKey;
    this.#buffer = buffer;
    this.#candidates = deps.scores.order(places.shards, places.dataShards, deps.clock.nowMs());
  }

  async run(): Promise<HeldShard[]> {
    const needed = this.#places.dataShards;
    try {
      while (this.#good.length < needed) {
        this.#throwIfStopped();
        while (this.#running.size + this.#good.length < needed && this.#hasNext()) this.#startNext();
        if (this.#running.size === 0) {
          throw fail('codec.too-few-shards', { packId: this.#places.packId, good: this.#good.length, needed });
        }
        await this.#waitForNews();
      }
    } finally {
      await this.#stopRest();
    }
    return this.#good;
  }

  /** Until a request has ended; or until one is slow, and another node gets its chance. */
  async #waitForNews(): Promise<void> {
    const running = [...this.#running.values()];
    const ends = running.map(({ end }) => end);
    if (this.#candidates.length === 0) {
      await Promise.race(ends);
      return;
    }
    const waiting = new AbortController();
    const { clock } = this.#deps;
    const oldest = running.reduce((first, next) => (next.startedMs < first.startedMs ? next : first));
    const slow = clock.sleep(Math.max(0, oldest.startedMs + this.#patienceMs() - clock.nowMs()), waiting.signal).then(
      () => 'slow' as const,
      () => undefined,
    );
    const news = await Promise.race([...ends, slow]).finally(() => waiting.abort());
    if (news !== 'slow') return;
    if (this.#running.size + this.#good.length > this.#places.dataShards) await this.#postpone(oldest);
    this.#startNext();
  }

  /** All places are taken: the slowest one gives its place up, and is asked again when nobody else is left. */
  async #postpone(slowest: Running): Promise<void> {
    this.#overtaken(slowest);
    this.#late.push(slowest.shardIndex);
    await Promise.allSettled([slowest.end]);
  }

  /** How long a shard may take before another node is asked as well. */
  #patienceMs(): number {
    const { scores, slowAfterMs = SLOW_AFTER_MS } = this.#deps;
    const usualMs = Math.min(
      this.#quickestMs,
      scores.usualMs(this.#places.shardLengthBytes) ?? Number.POSITIVE_INFINITY,
    );
    return Number.isFinite(usualMs) ? Math.max(slowAfterMs, SLOW_FACTOR * usualMs) : UNKNOWN_FACTOR * slowAfterMs;
  }

  #hasNext(): boolean {
    return this.#candidates.length + this.#late.length > 0;
  }

  #startNext(): void {
    const shardIndex = (this.#candidates.shift() ?? this.#late.shift())!;
    const slot = this.#freeSlot(shardIndex);
    const stop = new AbortController();
    const startedMs = this.#deps.clock.nowMs();
    const end = this.#fetchShard(shardIndex, slot, startedMs, stop).finally(() => this.#running.delete(shardIndex));
    this.#running.set(shardIndex, { shardIndex, slot, startedMs, stop, end });
  }

  /** A data shard's own place where it is free. */
  #freeSlot(shardIndex: number): number {
    const taken = new Set([...this.#running.values(), ...this.#good].map(({ slot }) => slot));
    if (shardIndex < this.#places.dataShards && !taken.has(shardIndex)) return shardIndex;
    const ahead = new Set(this.#candidates.slice(0, this.#places.dataShards - taken.size - 1));
    const slots = Array.from({ length: this.#places.dataShards + 1 }, (_, slot) => slot).filter(
      (slot) => !taken.has(slot),
    );
    return slots.find((slot) => !ahead.has(slot)) ?? slots[0]!;
  }

  async #fetchShard(shardIndex: number, slot: number, startedMs: number, stop: AbortController): Promise<void> {
    const { nodes, scores, clock, signal } = this.#deps;
    const { packId, shardLengthBytes, shards } = this.#places;
    const { target, root } = shards[shardIndex]!;
    const into = this.#buffer.subarray(slot * shardLengthBytes, (slot + 1) * shardLengthBytes);
    const stopped = signal === undefined ? stop.signal : AbortSignal.any([stop.signal, signal]);
    try {
      await nodes.getShard(target, { packId, shardIndex }, shardLengthBytes, { into, signal: stopped });
      if (stopped.aborted) return;
    } catch (error) {
      if (stopped.aborted) return;
      if (isAboutGrant(error) && this.#deps.grantsAreFresh !== true) throw error;
      this.#blame(shardIndex, faultOf(error));
      return;
    }
    if (toHex(shardTree(into).root) !== root) {
      this.#blame(shardIndex, { kind: 'wrong-bytes', detail: 'The shard does not match its root.' });
      return;
    }
    const tookMs = clock.nowMs() - startedMs;
    scores.succeeded(target.nodeId, shardLengthBytes, tookMs);
    this.#quickestMs = Math.min(this.#quickestMs, tookMs);
    maskShard(
      this.#maskKey,
      shardIndex,
      into,
      this.#deps.onGarbage && ((piece) => this.#deps.onGarbage!(piece.length)),
    );
    this.#good.push({ shardIndex, slot });
    this.#deps.onBytes?.(shardLengthBytes);
  }

  #blame(shardIndex: number, what: Pick<Fault, 'kind' | 'detail'>): void {
    const { nodeId } = this.#places.shards[shardIndex]!.target;
    this.#deps.scores.failed(nodeId, this.#deps.clock.nowMs());
    this.#deps.onFault({ nodeId, packId: this.#places.packId, shardIndex, ...what });
  }

  /** Those still running were overtaken. Nothing may write into the buffer once this is done. */
  async #stopRest(): Promise<void> {
    const rest = [...this.#running.values()];
    for (const running of rest) this.#overtaken(running);
    await Promise.allSettled(rest.map(({ end }) => end));
  }

  #overtaken({ shardIndex, startedMs, stop }: Running): void {
    const { nodeId } = this.#places.shards[shardIndex]!.target;
    this.#deps.scores.overtaken(nodeId, this.#places.shardLengthBytes, this.#deps.clock.nowMs() - startedMs);
    stop.abort();
  }

  #throwIfStopped(): void {
    if (this.#deps.signal?.aborted) throw fail('client.interrupted', {}, this.#deps.signal.reason);
  }
}

const GRANT_ERRORS: ReadonlySet<string> = new Set(['grant.expired', 'grant.quota-exceeded', 'grant.out-of-scope']);

/** Perhaps not the node's doing: a new grant may help. */
export const isAboutGrant = (error: unknown): boolean => error instanceof HoldfastError && GRANT_ERRORS.has(error.code);
