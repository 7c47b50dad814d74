/** What this run has learned of each node: how fast it is, and whether it failed lately. Decides whom to ask first. */
import type { NodeId } from '@holdfast/protocol';
import type { ShardPlace } from '../ports.ts';

/** After a failure a node is asked last for so long. */
const REST_MS = 30_000;
/** How much the last transfer counts in the average. */
const WEIGHT = 0.3;
/** A data shard saves the decoding: its node may be this much slower than one with a parity shard. */
const DATA_SHARD_BONUS = 3;
/** Assumed of a node that was never asked, in bytes per millisecond: fast, so that it gets its chance. */
const UNKNOWN_SPEED = 1e6;

interface Score {
  bytesPerMs: number;
  failedAtMs: number;
  failures: number;
}

export class NodeScores {
  readonly #scores = new Map<NodeId, Score>();

  #of(nodeId: NodeId): Score {
    let score = this.#scores.get(nodeId);
    if (score === undefined) {
      score = { bytesPerMs: UNKNOWN_SPEED, failedAtMs: Number.NEGATIVE_INFINITY, failures: 0 };
      this.#scores.set(nodeId, score);
    }
    return score;
  }

  succeeded(nodeId: NodeId, lengthBytes: number, durationMs: number): void {
    const score = this.#of(nodeId);
    const speed = lengthBytes / Math.max(durationMs, 0.1);
    score.bytesPerMs = score.bytesPerMs === UNKNOWN_SPEED ? speed : (1 - WEIGHT) * score.bytesPerMs + WEIGHT * speed;
    score.failures = 0;
    score.failedAtMs = Number.NEGATIVE_INFINITY;
  }

  /** It did not answer, or with something wrong. */
  failed(nodeId: NodeId, nowMs: number): void {
    const score = this.#of(nodeId);
    score.failures += 1;
    score.failedAtMs = nowMs;
  }

  /** Another node was quicker although this one had begun earlier. */
  overtaken(nodeId: NodeId, lengthBytes: number, runningMs: number): void {
    this.succeeded(nodeId, lengthBytes / 2, runningMs);
  }

  /** How long a transfer of that length usually takes, from the nodes that answered so far; undefined before the first one. */
  usualMs(lengthBytes: number): number | undefined {
    const speeds = [...this.#scores.values()]
      .map(({ bytesPerMs }) => bytesPerMs)
      .filter((speed) => speed !== UNKNOWN_SPEED);
    if (speeds.length === 0) return undefined;
    speeds.sort((a, b) => a - b);
    return lengthBytes / speeds[Math.floor(speeds.length / 2)]!;
  }

  /**
   * Shard indices in the order in which to ask for them: nodes that seem well before those that failed, are offline or
   * lost the shard; data shards first unless their node is much slower; then the fastest.
   */
  order(shards: readonly ShardPlace[], dataShards: number, nowMs: number): number[] {
    const ranked = shards.map(({ target, online, lost }, shardIndex) => {
      const score = this.#of(target.nodeId);
      const rested = nowMs - score.failedAtMs > REST_MS * Math.min(score.failures, 10);
      const doubt = (lost ? 4 : 0) + (rested ? 0 : 2) + (online ? 0 : 1);
      const speed = score.bytesPerMs * (shardIndex < dataShards ? DATA_SHARD_BONUS : 1);
      return { shardIndex, doubt, speed };
    });
    ranked.sort((a, b) => a.doubt - b.doubt || b.speed - a.speed || a.shardIndex - b.shardIndex);
    return ranked.map(({ shardIndex }) => shardIndex);
  }
}
