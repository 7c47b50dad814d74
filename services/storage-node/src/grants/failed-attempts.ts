/** Who fails to show a right too often waits: checking signatures costs more than making them up. */
import { fail } from '@holdfast/protocol';

export interface FailedAttempts {
  /** @throws HoldfastError `limit.rate` when that address failed too often lately. */
  check(address: string): void;
  note(address: string): void;
}

const WINDOW_MS = 60_000;
const REMEMBERED = 10_000;

/** An IPv6 customer has a whole /64. */
const sourceOf = (address: string): string =>
  address.includes(':') && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address;

export function createFailedAttempts(limitPerMinute: number, nowMs: () => number): FailedAttempts {
  const failures = new Map<string, { count: number; untilMs: number }>();
  return {
    check(address) {
      const entry = failures.get(sourceOf(address));
      if (entry === undefined || entry.count < limitPerMinute) return;
      const restMs = entry.untilMs - nowMs();
      if (restMs <= 0) failures.delete(sourceOf(address));
      else {
        const retryAfterSeconds = Math.ceil(restMs / 1000);
        throw fail('limit.rate', { limit: `${limitPerMinute} refused requests a minute`, retryAfterSeconds });
      }
    },
    note(address) {
      const source = sourceOf(address);
      const entry = failures.get(source);
      if (entry !== undefined && entry.untilMs > nowMs()) {
        entry.count += 1;
        return;
      }
      failures.delete(source);
      if (failures.size >= REMEMBERED) failures.delete(failures.keys().next().value!);
      failures.set(source, { count: 1, untilMs: nowMs() + WINDOW_MS });
    },
  };
}
