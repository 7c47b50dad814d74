/** Chooses which coins a batch spends: as few as will do, and of the last one the smallest, so that large ones stay free. */
import { bySize, sumSats } from './build-transaction.ts';
import type { Coin } from './coins.ts';
import { outputTypeOf } from './scripts.ts';
import { feeOf, inputWeight, vsizeOf } from './weights.ts';

export interface CoinWish {
  /** All that is to be paid, fee included. */
  readonly targetSats: bigint;
  /** Less is not worth an output of its own. */
  readonly leastChangeSats: bigint;
  /** Are spent in any case. */
  readonly forced: readonly Coin[];
  /** More to choose from. */
  readonly free: readonly Coin[];
}

/**
 * What the chosen coins are worth beyond the target is nothing, or change, or (where nothing else is left) less than
 * change. Undefined: all of them are worth less than the target.
 */
export function chooseCoins({ targetSats, leastChangeSats, forced, free }: CoinWish): Coin[] | undefined {
  const isGood = (sats: bigint): boolean => sats === targetSats || sats >= targetSats + leastChangeSats;
  let worth = sumSats(forced);
  if (isGood(worth)) return [...forced];
  let lastResort = worth >= targetSats ? [...forced] : undefined;
  const rest = free.toSorted(bySize);
  for (const [taken, next] of rest.entries()) {
    const before = worth;
    const last = rest.slice(taken).findLast(({ sats }) => isGood(before + sats));
    if (last !== undefined) return [...forced, ...rest.slice(0, taken), last];
    worth += next.sats;
    if (lastResort === undefined && worth >= targetSats) lastResort = [...forced, ...rest.slice(0, taken + 1)];
  }
  return lastResort;
}

/** Confirmed, of a kind that is signed here, and worth more than it costs to spend. */
export const isWorthSpending = ({ confirmations, script, sats }: Coin, satPerKvb: bigint): boolean => {
  const type = outputTypeOf(script);
  if (confirmations < 1 || (type !== 'p2wpkh' && type !== 'p2tr')) return false;
  return sats > feeOf(vsizeOf(inputWeight(type)), satPerKvb);
};
