/** The bytes of an agreement over time: growing and shrinking it, and what that costs. Pure. */
import { carryAt, dueBetween, type PricedSpan, type PriceUnit } from '@holdfast/protocol';

export interface SpanChange<Span extends PricedSpan> {
  /** Cut short: same first period, new end. */
  readonly shortened: readonly Span[];
  /** New ones, and those with the same first period and other bytes. */
  readonly written: readonly PricedSpan[];
  /** What the change adds to the price of the rest of the term; negative when it becomes cheaper. */
  readonly costMsat: bigint;
}

/**
 * Adds (or, negative, takes away) bytes from the start of `fromPeriod` on.
 * @param spans those of the agreement that reach beyond `fromPeriod`, in order
 */
export function changeBytes<Span extends PricedSpan>(
  spans: readonly Span[],
  { fromPeriod, addedBytes }: { fromPeriod: number; addedBytes: number },
  unit: PriceUnit,
): SpanChange<Span> {
  const shortened: Span[] = [];
  const written: PricedSpan[] = [];
  let costMsat = 0n;
  let carry: bigint | undefined;
  for (const span of spans) {
    if (span.untilPeriod <= fromPeriod) continue;
    const start = Math.max(span.fromPeriod, fromPeriod);
    if (span.fromPeriod < start) shortened.push({ ...span, untilPeriod: start });
    const changed = {
      fromPeriod: start,
      untilPeriod: span.untilPeriod,
      storedBytes: span.storedBytes + addedBytes,
      price: span.price,
      carry: carry ?? carryAt(span, unit, start),
    };
    written.push(changed);
    costMsat += priceOf(changed, unit) - dueBetween(span, unit, start, span.untilPeriod);
    carry = carryAt(changed, unit, changed.untilPeriod);
  }
  return { shortened, written, costMsat };
}

/** Cuts an agreement off at the start of `fromPeriod`: nothing is due from there on. */
export function cutSpans<Span extends PricedSpan>(
  spans: readonly Span[],
  fromPeriod: number,
  unit: PriceUnit,
): { shortened: readonly Span[]; removed: readonly Span[]; freedMsat: bigint } {
  const reaching = spans.filter(({ untilPeriod }) => untilPeriod > fromPeriod);
  const freedMsat = reaching.reduce(
    (sum, span) => sum + dueBetween(span, unit, Math.max(span.fromPeriod, fromPeriod), span.untilPeriod),
    0n,
  );
  return {
    shortened: reaching
      .filter((span) => span.fromPeriod < fromPeriod)
      .map((span) => ({ ...span, untilPeriod: fromPeriod })),
    removed: reaching.filter((span) => span.fromPeriod >= fromPeriod),
    freedMsat,
  };
}

/** What a span costs in all. */
export const priceOf = (span: PricedSpan, unit: PriceUnit): bigint =>
  dueBetween(span, unit, span.fromPeriod, span.untilPeriod);

/** How the database keeps a span's price: due each period are `rateMsat`, and one more when fractions add up to one. */
export function rateOf({ storedBytes, price }: PricedSpan, unit: PriceUnit): { rateMsat: bigint; rateRest: bigint } {
  const perPeriod = BigInt(storedBytes) * price * unit.numerator;
  return { rateMsat: perPeriod / unit.denominator, rateRest: perPeriod % unit.denominator };
}
