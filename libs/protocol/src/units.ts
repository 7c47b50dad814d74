/** Branded units: nobody adds satoshi to bytes. Money is `bigint`; sizes are safe integers. */
import { fail } from './errors.ts';

declare const unit: unique symbol;
type Unit<Base, Name extends string> = Base & { readonly [unit]: Name };

/** Satoshi: the chain's unit. */
export type Sats = Unit<bigint, 'sats'>;
/** Millisatoshi: the ledger's unit. */
export type Msat = Unit<bigint, 'msat'>;
/** A whole number of bytes, 0 … 2^53 − 1. */
export type Bytes = Unit<number, 'bytes'>;
/** Satoshi per terabyte (10^12 bytes) and month (30 days = 720 hours). */
export type SatPerTbMonth = Unit<bigint, 'sat/TB·month'>;
/** Milliseconds since 1970-01-01T00:00:00Z. */
export type EpochMs = Unit<number, 'epoch ms'>;

export const sats = (amount: bigint): Sats => amount as Sats;
export const msat = (amount: bigint): Msat => amount as Msat;
export const satPerTbMonth = (price: bigint): SatPerTbMonth => price as SatPerTbMonth;
export const epochMs = (time: number): EpochMs => time as EpochMs;

/** @throws HoldfastError `input.bad-size` unless `count` is a safe, non-negative integer. */
export function bytes(count: number): Bytes {
  if (!Number.isSafeInteger(count) || count < 0) throw fail('input.bad-size', { value: String(count) });
  return count as Bytes;
}

export const HOURS_PER_MONTH = 720n;
export const BYTES_PER_TB = 1_000_000_000_000n;

/** What `stored` bytes cost for one month at `price`, in millisatoshi, rounded up: for quotes, never for accruals. */
export const monthlyCostMsat = (stored: Bytes, price: SatPerTbMonth): Msat =>
  msat((BigInt(stored) * price * 1000n + BYTES_PER_TB - 1n) / BYTES_PER_TB);

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
/** For people: `1.5 GB` (powers of 1000). */
export function formatBytes(count: number): string {
  let value = count;
  let step = 0;
  while (value >= 999.5 && step < UNITS.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${step === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[step]}`;
}

/** `1,234`; by hand, because loading the machine's locales takes longer than most commands. */
export const formatCount = (count: number | bigint): string => String(count).replace(/\B(?=(?:\d{3})+$)/g, ',');

/** Millisatoshi as satoshi, three digits where they matter. */
export function formatSats(msat: bigint | string): string {
  const amount = BigInt(msat);
  const whole = amount / 1000n;
  const rest = amount % 1000n;
  if (whole >= 1000n || rest === 0n) return `${formatCount(whole + (rest > 0n ? 1n : 0n))} sat`;
  return `${whole}.${String(rest).padStart(3, '0').replace(/0+$/, '')} sat`;
}
