/**
 * Readers of what JSON.parse made: each takes a value and the place where it stood, and returns it typed or throws.
 * Bounded by what they are told; nothing is coerced.
 */
import { fail, type HoldfastError } from '../errors.ts';

export type Read<Value> = (value: unknown, place: string) => Value;
export type ReadValue<Reader> = Reader extends Read<infer Value> ? Value : never;

/** @throws HoldfastError `link.malformed` */
export const malformedAt = (place: string, wanted: string): HoldfastError =>
  fail('link.malformed', { detail: `${place} is not ${wanted}.` });

/** A whole number from 0 to 2^53 − 1, or to `max`. */
export const wholeNumber =
  (max = Number.MAX_SAFE_INTEGER): Read<number> =>
  (value, place) => {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= max) return value;
    throw malformedAt(place, `a whole number from 0 to ${max}`);
  };

export const textUpTo =
  (maxLength: number): Read<string> =>
  (value, place) => {
    if (typeof value === 'string' && value.length <= maxLength) return value;
    throw malformedAt(place, `a text of at most ${maxLength} characters`);
  };

const LOWER_HEX = /^[0-9a-f]*$/;

export const hexOf =
  (bytes: number): Read<string> =>
  (value, place) => {
    if (typeof value === 'string' && value.length === 2 * bytes && LOWER_HEX.test(value)) return value;
    throw malformedAt(place, `${2 * bytes} hex digits`);
  };

const BASE64URL = /^[A-Za-z0-9_-]+$/;

/** A signed message, not opened. */
export const tokenUpTo =
  (maxLength: number): Read<string> =>
  (value, place) => {
    if (typeof value === 'string' && value.length <= maxLength && BASE64URL.test(value)) return value;
    throw malformedAt(place, `a token of at most ${maxLength} characters`);
  };

const MAX_AMOUNT_DIGITS = 30;

/** Digits in a text, since JSON has no large numbers. */
export const amountText: Read<bigint> = (value, place) => {
  if (typeof value === 'string' && value.length <= MAX_AMOUNT_DIGITS && /^(?:0|[1-9]\d*)$/.test(value)) {
    return BigInt(value);
  }
  throw malformedAt(place, 'an amount');
};

export const oneOf =
  <const Name extends string>(...names: Name[]): Read<Name> =>
  (value, place) => {
    if (names.includes(value as Name)) return value as Name;
    throw malformedAt(place, `one of ${names.join(', ')}`);
  };

export const listUpTo =
  <Value>(max: number, read: Read<Value>): Read<Value[]> =>
  (value, place) => {
    if (!Array.isArray(value) || value.length > max) throw malformedAt(place, `a list of at most ${max}`);
    return value.map((entry, at) => read(entry, `${place}[${at}]`));
  };

export const pairOf =
  <First, Second>(first: Read<First>, second: Read<Second>): Read<[First, Second]> =>
  (value, place) => {
    if (!Array.isArray(value) || value.length !== 2) throw malformedAt(place, 'a pair');
    return [first(value[0], `${place}[0]`), second(value[1], `${place}[1]`)];
  };

/** Just these fields: an unknown one is refused, since it would be lost. */
export const objectOf =
  <Shape extends Record<string, Read<unknown>>>(
    shape: Shape,
  ): Read<{ readonly [Key in keyof Shape]: ReadValue<Shape[Key]> }> =>
  (value, place) => {
    const found = asObject(value, place);
    const unknown = Object.keys(found).find((name) => !Object.hasOwn(shape, name));
    if (unknown !== undefined) throw malformedAt(`${place}.${unknown.slice(0, 40)}`, 'a field of it');
    return Object.fromEntries(
      Object.entries(shape).map(([name, read]) => [
        name,
        read(Object.hasOwn(found, name) ? found[name] : undefined, `${place}.${name}`),
      ]),
    ) as { readonly [Key in keyof Shape]: ReadValue<Shape[Key]> };
  };

export function asObject(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformedAt(place, 'an object');
  return value as Readonly<Record<string, unknown>>;
}

/** A few short texts by name: what fills an error's sentence. */
export const shortTexts: Read<Readonly<Record<string, string>>> = (value, place) => {
  const entries = Object.entries(asObject(value, place));
  if (entries.length > 16) throw malformedAt(place, 'an object of at most 16 texts');
  const read = textUpTo(300);
  return Object.fromEntries(entries.map(([name, text]) => [textUpTo(40)(name, place), read(text, place)]));
};
