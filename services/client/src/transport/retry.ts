/** When to try again, and how long to wait before. */
import type { Clock } from '@holdfast/platform';
import { type ErrorCode, fail, HoldfastError } from '@holdfast/protocol';

/** Errors that may be gone at the next attempt: the other side was away, busy, or said so itself. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'remote.unreachable',
  'limit.rate',
  'limit.connections',
  'node.busy',
  'mediator.not-ready',
  'database.unavailable',
  'internal.unexpected',
  'remote.unexpected',
  'shard.root-mismatch',
  'shard.bad-length',
]);

const isPassing = (error: unknown): boolean => error instanceof HoldfastError && PASSING.has(error.code);

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal?: AbortSignal | undefined;
  /** Waits between the attempts; their number is that of the retries. */
  readonly delaysMs: readonly number[];
  /** Told before each wait. */
  readonly onRetry?: (error: HoldfastError, delayMs: number) => void;
}

/** Runs `attempt` until it succeeds, fails for good, or the delays are used up; then throws the last error. */
export async function withRetries<T>(options: RetryOptions, attempt: () => Promise<T>): Promise<T> {
  for (const delayMs of options.delaysMs) {
    try {
      return await attempt();
    } catch (error) {
      throwIfStopped(options.signal);
      if (!isPassing(error)) throw error;
      options.onRetry?.(error as HoldfastError, delayMs);
      await sleepUnlessStopped(options.clock, delayMs, options.signal);
    }
  }
  return attempt();
}

/** @throws HoldfastError `client.interrupted` when the user stopped the work. */
export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw fail('client.interrupted', {}, signal.reason);
}

async function sleepUnlessStopped(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await clock.sleep(ms, signal);
  } catch (error) {
    throwIfStopped(signal);
    throw error;
  }
}
