/** Times for Node's file calls, which take seconds as floating point: coarser than nanoseconds, finer than microseconds. */

const NS_PER_US = 1000n;
const NS_PER_SECOND = 1_000_000_000n;

/** Whole microseconds since 1970, rounded down. */
export function toMicroseconds(ns: bigint): bigint {
  const us = ns / NS_PER_US;
  return us * NS_PER_US > ns ? us - 1n : us;
}

/**
 * A time for `futimes` and `lutimes`. From 1970 on: the floating-point number of seconds nearest to it, but in the same
 * microsecond (such a number exists until the year 2242; after that the nearest one is taken). Before 1970: a Date, cut
 * to milliseconds, because Node takes negative numbers for the present.
 */
export function toFileTime(ns: bigint): number | Date {
  const wantedUs = toMicroseconds(ns);
  if (wantedUs < 0n) return new Date(Math.floor(Number(wantedUs) / 1000));
  const nearest = Number(ns / NS_PER_SECOND) + Number(ns % NS_PER_SECOND) / 1e9;
  for (const seconds of [nearest, neighbour(nearest, 1n), neighbour(nearest, -1n)]) {
    if (toMicroseconds(asSystemTakesIt(seconds)) === wantedUs) return seconds;
  }
  return nearest;
}

/** What libuv makes of such a number: the fraction cut to nanoseconds, towards zero. */
const asSystemTakesIt = (seconds: number): bigint =>
  BigInt(Math.trunc(seconds)) * NS_PER_SECOND + BigInt(Math.trunc((seconds - Math.trunc(seconds)) * 1e9));

/** The next floating-point number away from zero (`step` 1) or towards it (−1). */
function neighbour(value: number, step: bigint): number {
  if (value === 0) return value;
  const bits = new DataView(new ArrayBuffer(8));
  bits.setFloat64(0, value);
  bits.setBigUint64(0, bits.getBigUint64(0) + step);
  return bits.getFloat64(0);
}
