/**
 * What bytes cost by the period, exactly: whole millisatoshi are due each period, and the fraction is carried to the
 * next, so that over any number of periods the sum differs from the true price by less than one millisatoshi.
 * Client, node and mediator compute the same numbers from it.
 */
import { BYTES_PER_TB, type Msat, msat, type SatPerTbMonth } from './units.ts';

/** 30 days. */
export const MONTH_MS = 2_592_000_000n;
const MSAT_PER_SAT = 1000n;

/** One byte for one period at 1 sat/TB·month, in millisatoshi, as a fraction in lowest terms. */
export interface PriceUnit {
  readonly numerator: bigint;
  readonly denominator: bigint;
}

/** @param periodMs the length of a period; an hour gives 1 / (720 · 10^9). */
export function priceUnit(periodMs: number): PriceUnit {
  const numerator = MSAT_PER_SAT * BigInt(periodMs);
  const denominator = BYTES_PER_TB * MONTH_MS;
  const common = greatestCommonDivisor(numerator, denominator);
  return { numerator: numerator / common, denominator: denominator / common };
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  return b === 0n ? a : greatestCommonDivisor(b, a % b);
}

/** So many bytes at one price over the periods `fromPeriod` … `untilPeriod` − 1. */
export interface PricedSpan {
  readonly fromPeriod: number;
  readonly untilPeriod: number;
  readonly storedBytes: number;
  readonly price: SatPerTbMonth;
  /** The fraction left over from before, in denominators of the unit: 0 ≤ carry < denominator. */
  readonly carry: bigint;
}

const upTo = (span: PricedSpan, unit: PriceUnit, period: number): bigint =>
  span.carry + BigInt(period - span.fromPeriod) * BigInt(span.storedBytes) * span.price * unit.numerator;

/** Due for the span's periods from `fromPeriod` until before `untilPeriod`, both within the span. */
export const dueBetween = (span: PricedSpan, unit: PriceUnit, fromPeriod: number, untilPeriod: number): Msat =>
  msat(upTo(span, unit, untilPeriod) / unit.denominator - upTo(span, unit, fromPeriod) / unit.denominator);

/** Due for one period of the span. */
export const dueIn = (span: PricedSpan, unit: PriceUnit, period: number): Msat =>
  dueBetween(span, unit, period, period + 1);

/** The fraction that the span leaves to a span that follows it at `period`. */
export const carryAt = (span: PricedSpan, unit: PriceUnit, period: number): bigint =>
  upTo(span, unit, period) % unit.denominator;

/** The number of the period that a moment lies in: periods are counted from 1970. */
export const periodAt = (timeMs: number, periodMs: number): number => Math.floor(timeMs / periodMs);
