/**
 * The node writes amounts as decimal fractions of a bitcoin. They are read from the text itself, digit by digit: through a
 * floating point number they would not come out whole.
 */
import { fail } from '@holdfast/protocol';

const DECIMALS = 8;
const LARGEST_EXPONENT = 20;

/** Fractions as their text, whole numbers as numbers. @throws SyntaxError when it is not JSON */
export function parseExactly(text: string): unknown {
  const keep = (_: string, value: unknown, context: { readonly source?: string }): unknown =>
    typeof value === 'number' && !isWhole(context.source ?? '') ? context.source : value;
  // The source text of a number is in ECMAScript 2026; TypeScript's libraries do not know of it yet.
  return JSON.parse(text, keep as (key: string, value: unknown) => unknown);
}

const isWhole = (source: string): boolean => /^-?\d+$/.test(source) && Number.isSafeInteger(Number(source));

/**
 * Satoshi of an amount in bitcoin as `parseExactly` gives it.
 * @throws HoldfastError `rail.unsuitable` when it is none, or no whole number of satoshi
 */
export function satsOf(amount: unknown): bigint {
  const match = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,2}))?$/.exec(
    typeof amount === 'string' || typeof amount === 'number' ? String(amount) : '',
  );
  const [, sign, whole = '', fraction = '', exponent = '0'] = match ?? [];
  const shift = DECIMALS - fraction.length + Number(exponent);
  const digits = BigInt(`${whole}${fraction}` || '0');
  const divisor = shift < 0 ? 10n ** BigInt(-shift) : 1n;
  if (match === null || Math.abs(Number(exponent)) > LARGEST_EXPONENT || digits % divisor !== 0n) {
    throw fail('rail.unsuitable', { detail: `it gave ${String(amount).slice(0, 40)} as an amount of bitcoin` });
  }
  const sats = shift < 0 ? digits / divisor : digits * 10n ** BigInt(shift);
  return sign === '-' ? -sats : sats;
}
