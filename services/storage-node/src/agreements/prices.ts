/** The node's own past prices: an agreement has the price that was on offer when its upload was opened. Pure. */

/** On offer from then on, until the next one. */
export interface PastPrice {
  readonly priceSatPerTbMonth: bigint;
  readonly sinceMs: number;
}

export interface PriceRecords {
  /** The mediator has this price from now on; the same again changes nothing. Durable when it returns. */
  notePrice(priceSatPerTbMonth: bigint, nowMs: number): void;
  /** Oldest first. */
  prices(): readonly PastPrice[];
}

/** So long after an upload was opened its bytes may still be committed, at most; and are then paid from the next period on. */
const LONGEST_UPLOAD_MS = 36 * 3_600_000;

/**
 * The lowest price that an agreement may have: the lowest on offer at any time at which its upload may have been opened,
 * or that of the present offer.
 */
export function lowestPrice(
  offered: bigint,
  history: readonly PastPrice[],
  { startsAtMs, periodMs, nowMs }: { startsAtMs: number; periodMs: number; nowMs: number },
): bigint {
  // What is renewed begins later; its price is that of the time at which it was renewed.
  const untilMs = Math.min(startsAtMs, nowMs);
  const fromMs = untilMs - periodMs - LONGEST_UPLOAD_MS;
  return history.reduce((lowest, { priceSatPerTbMonth, sinceMs }, at) => {
    const endedMs = history[at + 1]?.sinceMs ?? Number.POSITIVE_INFINITY;
    const wasOnOffer = sinceMs <= untilMs && endedMs >= fromMs;
    return wasOnOffer && priceSatPerTbMonth < lowest ? priceSatPerTbMonth : lowest;
  }, offered);
}
