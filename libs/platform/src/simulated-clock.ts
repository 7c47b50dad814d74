/** A clock that only moves when a test says so; due timers fire in order and are awaited. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, ScheduledTask } from './clock.ts';

export interface SimulatedClock extends Clock {
  /**
   * Moves time on by `ms`, firing every timer that falls due in order of its time (then of its creation). Each scheduled
   * task is awaited before time moves further, unless it is itself waiting on this clock. Rejects with the
   * first error of a task that has no `onError`, after time has moved.
   */
  advance(ms: number): Promise<void>;
  /** Moves time to `atMs` (not before now), as `advance` does. */
  advanceTo(atMs: number): Promise<void>;
  /** How many timers wait. */
  pendingCount(): number;
}

interface Timer {
  readonly dueMs: number;
  readonly order: number;
  readonly fire: () => void | Promise<void>;
}

/** A scheduled task under way; it is idle when it has ended or waits on this clock. */
class Run {
  #asleepCount = 0;
  #ended = false;
  #waiting: (() => void)[] = [];

  fallAsleep(): void {
    this.#asleepCount++;
    this.#tell();
  }

  wakeUp(): void {
    this.#asleepCount--;
  }

  end(): void {
    this.#ended = true;
    this.#tell();
  }

  async untilIdle(): Promise<void> {
    if (this.#ended || this.#asleepCount > 0) return;
    await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  #tell(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** Turns of the event loop that woken code gets to start its next timer before time goes on. */
const TURNS_PER_TIMER = 3;

export function createSimulatedClock(startMs: number): SimulatedClock {
  let nowMs = startMs;
  let created = 0;
  const timers = new Set<Timer>();
  const runs = new AsyncLocalStorage<Run>();
  let failures: unknown[] = [];

  const addTimer = (ms: number, fire: Timer['fire']): (() => void) => {
    const timer = { dueMs: nowMs + Math.max(0, ms), order: created++, fire };
    timers.add(timer);
    return () => void timers.delete(timer);
  };

  const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const run = runs.getStore();
      const settle = (finish: () => void): void => {
        run?.wakeUp();
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = (): void => {
        cancel();
        settle(() => reject(signal?.reason as Error));
      };
      const cancel = addTimer(ms, () => {
        settle(resolve);
        return run?.untilIdle();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      run?.fallAsleep();
    });

  const schedule = (everyMs: number, task: ScheduledTask, onError?: (error: unknown) => void) => {
    let stopped = false;
    let running: Promise<void> = Promise.resolve();
    let cancel: () => void;
    const attempt = async (): Promise<void> => {
      try {
        await task();
      } catch (error) {
        if (onError === undefined) failures.push(error);
        else onError(error);
      } finally {
        if (!stopped) arm();
      }
    };
    const arm = (): void => {
      cancel = addTimer(everyMs, () => {
        const run = new Run();
        running = runs.run(run, attempt).finally(() => run.end());
        return run.untilIdle();
      });
    };
    arm();
    return {
      async stop() {
        stopped = true;
        cancel();
        await running;
      },
    };
  };

  const nextDue = (limitMs: number): Timer | undefined => {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.dueMs > limitMs) continue;
      if (!next || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) next = timer;
    }
    return next;
  };

  const settleTurns = async (): Promise<void> => {
    for (let turn = 0; turn < TURNS_PER_TIMER; turn++) await nextTurn();
  };

  const advanceTo = async (atMs: number): Promise<void> => {
    if (!(atMs >= nowMs)) throw new RangeError(`a simulated clock at ${nowMs} ms cannot go back to ${atMs} ms`);
    await settleTurns();
    for (let timer = nextDue(atMs); timer !== undefined; timer = nextDue(atMs)) {
      timers.delete(timer);
      nowMs = Math.max(nowMs, timer.dueMs);
      await timer.fire();
      await settleTurns();
    }
    nowMs = Math.max(nowMs, atMs);
    const [firstFailure] = failures;
    const failed = failures.length > 0;
    failures = [];
    if (failed) throw firstFailure;
  };

  return {
    nowMs: () => nowMs,
    sleep,
    schedule,
    advance: (ms) => advanceTo(nowMs + ms),
    advanceTo,
    pendingCount: () => timers.size,
  };
}
