/** What the node does by itself, besides visiting the mediator. */
import type { Clock, Logger } from '@holdfast/platform';
import type { ShardStore } from './shards/index.ts';

export interface ScrubSchedule {
  readonly scrubEveryMs: number;
  /** 0: none. */
  readonly scrubBytesPerSecond: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** After a start, because there is enough to do then. */
const FIRST_PASS_AFTER_MS = 600_000;

/** Passes over all shards, one after the other, until the signal aborts. Never rejects. */
export async function runScrubs(
  store: Pick<ShardStore, 'scrub'>,
  { scrubEveryMs, scrubBytesPerSecond, clock, logger }: ScrubSchedule,
  signal: AbortSignal,
): Promise<void> {
  if (scrubBytesPerSecond === 0) return;
  let waitMs = Math.min(FIRST_PASS_AFTER_MS, scrubEveryMs);
  for (;;) {
    await clock.sleep(waitMs, signal).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const report = await store.scrub({ bytesPerSecond: scrubBytesPerSecond, signal, resume: true });
      if (!signal.aborted) logger.info(report, 'a scrub has ended');
    } catch (error) {
      logger.error({ err: error }, 'the scrub failed; it begins again later');
    }
    waitMs = scrubEveryMs;
  }
}
