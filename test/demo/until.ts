/** Waiting for what happens by itself. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Nothing here takes longer than a few periods; on a machine that is too busy to ask nodes in time, periods are void. */
export const PATIENCE_MS = 120_000;
const POLL_MS = 500;

/** Asks until `done` says so; the last answer, or undefined when patience ended first. */
export async function until<T>(
  signal: AbortSignal,
  ask: () => Promise<T>,
  done: (answer: T) => boolean,
): Promise<T | undefined> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const answer = await ask();
    if (done(answer)) return answer;
    if (performance.now() > end) return undefined;
    await sleep(POLL_MS, undefined, { signal }).catch(() => signal.throwIfAborted());
  }
}
