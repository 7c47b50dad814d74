/** A clock that only moves when a test says so; due timers fire in order and are awaited. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Clock, Schedule, ScheduledTask } from './clock.ts';

export interface SimulatedClock extends Clock {
  /**
   * Moves time on by `ms`, firing every timer that falls due in order of its time (then of its creation). Each
   * scheduled task is awaited before time moves further, unless it is itself waiting on this clock. Rejects with the
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
  return new ManualClock(startMs);
}

class ManualClock implements SimulatedClock {
  #nowMs: number;
  #created = 0;
  #failures: unknown[] = [];
  readonly #timers = new Set<Timer>();
  readonly #runs = new AsyncLocalStorage<Run>();

  constructor(startMs: number) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  pendingCount(): number {
    return this.#timers.size;
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason as Error);
        return;
      }
      const run = this.#runs.getStore();
      const settle = (finish: () => void): void => {
        run?.wakeUp();
        signal?.removeEventListener('abort', onAbort);
        finish();
      };
      const onAbort = (): void => {
        cancel();
        settle(() => reject(signal?.reason as Error));
      };
      const cancel = this.#addTimer(ms, () => {
        settle(resolve);
        return run?.untilIdle();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      run?.fallAsleep();
    });
  }

  schedule(everyMs: number, task: ScheduledTask, onError?: (error: unknown) => void): Schedule {
    let stopped = false;
    let running: Promise<void> = Promise.resolve();
    let cancel: () => void;
    const attempt = async (): Promise<void> => {
      try {
        await task();
      } catch (error) {
        if (onError === undefined) this.#failures.push(error);
        else onError(error);
      } finally {
        if (!stopped) arm();
      }
    };
    const arm = (): void => {
      cancel = this.#addTimer(everyMs, () => {
        const run = new Run();
        running = this.#runs.run(run, attempt).finally(() => run.end());
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
  }

  advance(ms: number): Promise<void> {
    return this.advanceTo(this.#nowMs + ms);
  }

  async advanceTo(atMs: number): Promise<void> {
    if (!(atMs >= this.#nowMs)) {
      throw new RangeError(`a simulated clock at ${this.#nowMs} ms cannot go back to ${atMs} ms`);
    }
    await settleTurns();
    for (let timer = this.#nextDue(atMs); timer !== undefined; timer = this.#nextDue(atMs)) {
      this.#timers.delete(timer);
      this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
      await timer.fire();
      await settleTurns();
    }
    this.#nowMs = Math.max(this.#nowMs, atMs);
    const failures = this.#failures.splice(0);
    if (failures.length > 0) throw failures[0];
  }

  #addTimer(ms: number, fire: Timer['fire']): () => void {
    const timer = { dueMs: this.#nowMs + Math.max(0, ms), order: this.#created++, fire };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  #nextDue(limitMs: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (timer.dueMs > limitMs) continue;
      if (!next || timer.dueMs < next.dueMs || (timer.dueMs === next.dueMs && timer.order < next.order)) next = timer;
    }
    return next;
  }
}

async function settleTurns(): Promise<void> {
  for (let turn = 0; turn < TURNS_PER_TIMER; turn++) await nextTurn();
}
