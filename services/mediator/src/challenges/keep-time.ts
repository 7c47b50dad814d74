/** What the clock brings besides asking and judging: outages noticed, unasked periods given back, old frames forgotten. */
import { periodAt } from '@holdfast/protocol';
import type { ChallengesOptions } from './options.ts';

/** Says that a part of the mediator works; call it at least every `outageMs` / 3. Notes the outage that ends with it. */
export async function noteAlive(
  { store, clock, rules, logger }: ChallengesOptions,
  part: 'scheduler' | 'link',
): Promise<void> {
  const nowMs = clock.nowMs();
  const outage = await store.noteAlive(part, nowMs, rules.outageMs);
  if (outage !== undefined) {
    logger.warn({ part, ...outage, untilMs: nowMs }, 'a part of the mediator was away: nobody is blamed for that time');
  }
}

/** Resolves to how many periods of nodes were given back. */
export async function voidPeriods({ store, clock, rules, logger }: ChallengesOptions): Promise<number> {
  const nowMs = clock.nowMs();
  const count = await store.voidUnasked(periodAt(nowMs, rules.periodMs), nowMs);
  if (count > 0) logger.warn({ count }, 'periods in which nodes were not challenged are void');
  return count;
}

const FRAMES_AT_ONCE = 500;

/** Events and retrieval checks are for the present; what money and verdicts came from is kept. */
export const forgetNews = ({ store, clock, rules }: ChallengesOptions): Promise<number> =>
  store.forgetNews(clock.nowMs() - rules.otherFrameMs);

/** Resolves to how many were forgotten. */
export async function forgetFrames({ store, frames, clock }: ChallengesOptions): Promise<number> {
  for (let count = 0; ;) {
    const old = await store.listFramesToForget(clock.nowMs(), FRAMES_AT_ONCE);
    // Files first: what is forgotten in the database would never be found again.
    for (const name of old) await frames.delete(name);
    await store.forgetFrames(old.map(({ challengeId }) => challengeId));
    count += old.length;
    if (old.length < FRAMES_AT_ONCE) return count;
  }
}
