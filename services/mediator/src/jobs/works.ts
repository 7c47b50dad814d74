/**
 * What happens by the clock, each under a name, and how often. What there is to do lies in rows: a work looks for it, does
 * it, and finds nothing the next time. So it may run at any time, in any process, twice at once, or die in the middle.
 */
export const WORK_NAMES = [
  'periods',
  'issue',
  'judge',
  'retrieve',
  'money',
  'deposits',
  'payouts',
  'reconciliation',
  'housekeeping',
] as const;
export type WorkName = (typeof WORK_NAMES)[number];

export interface Work {
  readonly everyMs: number;
  run(): Promise<unknown>;
}
export type Works = Readonly<Record<WorkName, Work>>;

/** Sees to it that works run. */
export interface Scheduling {
  /** Runs it soon, somewhere. Best effort: it runs by itself a little later anyway. */
  wake(name: WorkName): void;
  /** Lets what runs here finish. */
  stop(): Promise<void>;
}

/** Starts to schedule these works, with all other processes that do. */
export type StartScheduling = (works: Works) => Promise<Scheduling>;

const TICKS_PER_PERIOD = 40;
const SHORTEST_TICK_MS = 100;
const LONGEST_TICK_MS = 5_000;
const LONGEST_MONEY_MS = 300_000;

/** How often, for periods of that length. */
export function workIntervals(periodMs: number): { tickMs: number; moneyMs: number } {
  const tickMs = Math.max(SHORTEST_TICK_MS, Math.min(LONGEST_TICK_MS, Math.floor(periodMs / TICKS_PER_PERIOD)));
  return { tickMs, moneyMs: Math.max(tickMs, Math.min(LONGEST_MONEY_MS, Math.floor(periodMs / 4))) };
}

/** Each once, one after the other. */
export async function runAll(works: Works): Promise<void> {
  for (const name of WORK_NAMES) await works[name].run();
}
