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

/** Undefined: not enough. What they are worth beyond the target is nothing, change, or (where nothing else was left) less than change. */
export function chooseCoins({ targetSats, leastChangeSats, forced, free }: CoinWish): Coin[] | undefined {
  const isGood = (sats: bigint): boolean => sats === targetSats || sats >= targetSats + leastChangeSats;
  const rest = free.toSorted(bySize);
  let worth = sumSats(forced);
  let lastResort = worth >= targetSats ? 0 : undefined;
  let taken = 0;
  while (!isGood(worth) && taken < rest.length) {
    worth += (rest[taken] as Coin).sats;
    taken += 1;
    if (lastResort === undefined && worth >= targetSats) lastResort = taken;
  }
  if (!isGood(worth)) return lastResort === undefined ? undefined : [...forced, ...rest.slice(0, lastResort)];
  if (taken === 0) return [...forced];
  const kept = rest.slice(0, taken - 1);
  const keptSats = sumSats(forced) + sumSats(kept);
  const last = rest.slice(taken - 1).findLast(({ sats }) => isGood(keptSats + sats)) as Coin;
  return [...forced, ...kept, last];
}

/** Confirmed, of a kind that is signed here, and worth more than it costs to spend. */
export const isWorthSpending = ({ confirmations, script, sats }: Coin, satPerKvb: bigint): boolean => {
  const type = outputTypeOf(script);
  if (confirmations < 1 || (type !== 'p2wpkh' && type !== 'p2tr')) return false;
  return sats > feeOf(vsizeOf(inputWeight(type)), satPerKvb);
};
