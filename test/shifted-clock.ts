/**
 * The machine's clock, some hours ahead: for networks in which real sockets and timers run while days pass. Sleeps and
 * schedules take real time; only what time it is moves.
 */
import { type Clock, systemClock } from '@holdfast/platform';

const HOUR_MS = 3_600_000;

export interface ShiftedClock extends Clock {
  shiftHours(hours: number): void;
}

export function createShiftedClock(): ShiftedClock {
  let offsetMs = 0;
  return {
    ...systemClock,
    nowMs: () => systemClock.nowMs() + offsetMs,
    shiftHours(hours) {
      offsetMs += hours * HOUR_MS;
    },
  };
}
