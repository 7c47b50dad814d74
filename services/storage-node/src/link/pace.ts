/** The time between two visits to the mediator: jittered, backing off after failures, cut short when there is something to tell. */
import { type Clock, randomIntBelow, type Randomness } from '@holdfast/platform';
import { retryDelayMs } from '../registration/index.ts';

export interface Pace {
  /** The next rest, or the one under way, ends soon. */
  hurry(): void;
  /** Rests about so long. */
  rest(ms: number, signal: AbortSignal): Promise<void>;
  /** Rests after so many failures in a row, at least one. */
  backOff(failures: number, signal: AbortSignal): Promise<void>;
}

const HURRY_MS = 200;
/** Sooner than the mediator takes a node for offline. */
const LONGEST_RETRY_MS = 30_000;

export function createPace(clock: Clock, randomness: Randomness): Pace {
  let wake = new AbortController();
  /** Evenly from `from` to `to` times as long. */
  const spread = (ms: number, from: number, to: number): number =>
    Math.round(ms * (from + ((to - from) * randomIntBelow(randomness, 1001)) / 1000));
  const sleep = async (ms: number, signal: AbortSignal): Promise<void> => {
    await clock.sleep(ms, AbortSignal.any([signal, wake.signal])).catch(() => undefined);
    if (!wake.signal.aborted || signal.aborted) return;
    wake = new AbortController();
    // A little apart, so that the nodes of one mediator do not come all at once when it stops.
    await clock.sleep(spread(HURRY_MS, 1, 2), signal).catch(() => undefined);
  };
  return {
    hurry: () => wake.abort(),
    rest: (ms, signal) => sleep(spread(ms, 0.9, 1.1), signal),
    backOff(failures, signal) {
      // What ended together with a failed visit needs no hurry.
      wake = new AbortController();
      return sleep(spread(Math.min(LONGEST_RETRY_MS, retryDelayMs(failures - 1)), 0.5, 1), signal);
    },
  };
}
