/** Time as an argument: the real clock of the machine. */

export interface Schedule {
  /** Fires no more, and resolves when a run that is under way has ended. Never rejects. */
  stop(): Promise<void>;
}

export type ScheduledTask = () => void | Promise<void>;

export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  nowMs(): number;
  /** Resolves after `ms` milliseconds; rejects with `signal.reason` as soon as the signal aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /**
   * Runs the task every `everyMs`, first after one interval; the next interval begins when the run has ended,
   * so runs never overlap. A task that throws is told to `onError`; without one the error is not swallowed
   * (real clock: uncaught exception; simulated clock: `advance` rejects). The schedule goes on.
   */
  schedule(everyMs: number, task: ScheduledTask, onError?: (error: unknown) => void): Schedule;
}

/** setTimeout fires at once for delays above this. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Sleeps in pieces, because one timer holds at most 24.8 days. */
function startTimer(ms: number, onDue: () => void): () => void {
  let timer: NodeJS.Timeout;
  const arm = (leftMs: number): void => {
    const pieceMs = Math.min(leftMs, LONGEST_TIMER_MS);
    timer = setTimeout(() => (leftMs > pieceMs ? arm(leftMs - pieceMs) : onDue()), pieceMs);
  };
  arm(Math.max(0, ms));
  return () => clearTimeout(timer);
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      cancel();
      reject(signal?.reason as Error);
    };
    const cancel = startTimer(ms, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

function schedule(everyMs: number, task: ScheduledTask, onError?: (error: unknown) => void): Schedule {
  let stopped = false;
  let running: Promise<void> = Promise.resolve();
  let cancel: () => void;
  const run = async (): Promise<void> => {
    try {
      await task();
    } catch (error) {
      if (onError !== undefined) onError(error);
      else {
        queueMicrotask(() => {
          throw error;
        });
      }
    } finally {
      if (!stopped) arm();
    }
  };
  const arm = (): void => {
    cancel = startTimer(everyMs, () => {
      running = run();
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

/** The machine's own clock and timers. */
export const systemClock: Clock = { nowMs: () => Date.now(), sleep, schedule };
