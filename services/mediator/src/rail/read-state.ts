/** The state of the road for those who show it to people: they do not wait for a node that hangs. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { PaymentRail, RailState } from './ports.ts';

const PATIENCE_MS = 2_000;

/** `away` when it does not say so in time. Never throws. */
export async function readRailState(rail: Pick<PaymentRail, 'state'>): Promise<RailState> {
  const patience = new AbortController();
  const away = (detail: string): RailState => ({ state: 'away', detail });
  const late = sleep(PATIENCE_MS, away('no answer in time'), { signal: patience.signal });
  const found = await Promise.race([rail.state(), late]).catch((error: unknown) => away(String(error)));
  patience.abort();
  late.catch(() => undefined);
  return found;
}
