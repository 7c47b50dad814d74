/** The road for those who show it to people: they do not wait for a node that hangs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PaymentRail, RailState } from './ports.ts';

const PATIENCE_MS = 2_000;

/** Undefined: there is no answer in time. What comes of it later is nobody's business. */
export async function unlessLate<T>(answer: Promise<T>): Promise<T | undefined> {
  const patience = new AbortController();
  const late = sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
  try {
    return await Promise.race([answer, late]);
  } finally {
    patience.abort();
  }
}

/** `away` when it does not say so in time. */
export const readRailState = async (rail: Pick<PaymentRail, 'state'>): Promise<RailState> =>
  (await unlessLate(rail.state())) ?? { state: 'away', detail: 'no answer in time' };
