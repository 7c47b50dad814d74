/** Lets through so many at once and so many a second in the long run; the rest waits. Pure but for the wait. */
import type { Clock } from '@holdfast/platform';

export interface Throttle {
  /** Resolves when it is this one's turn. Ask one after the other. Rejects when the signal aborts. */
  pass(signal: AbortSignal): Promise<void>;
}

export function createThrottle(burst: number, perSecond: number, clock: Clock): Throttle {
  let tokens = burst;
  let countedAtMs = clock.nowMs();
  /** What is there now. */
  const refill = (): number => {
    const nowMs = clock.nowMs();
    tokens = Math.min(burst, tokens + (Math.max(0, nowMs - countedAtMs) / 1000) * perSecond);
    countedAtMs = nowMs;
    return tokens;
  };
  return {
    async pass(signal) {
      for (let there = refill(); there < 1; there = refill()) {
        await clock.sleep(Math.max(1, Math.ceil(((1 - there) / perSecond) * 1000)), signal);
      }
      tokens -= 1;
    },
  };
}
