/** Plans a child that pays for its stuck parent (CPFP), from the wallet's own output of the parent. */
import { buildTransaction, bySize, requireCoins, requireRate, sumSats, weigh } from './build-transaction.ts';
import { isWorthSpending } from './choose-coins.ts';
import { type Coin, outpointKey, type UnsignedTransaction } from './coins.ts';
import { dustSats } from './scripts.ts';
import { feeOf, vsizeOf } from './weights.ts';

export interface ChildRequest {
  /** As it was signed. */
  readonly parent: { readonly vsize: number; readonly feeSats: bigint };
  /** The parent's output to the wallet, unconfirmed. */
  readonly coin: Coin;
  /** What parent and child are to pay together. */
  readonly satPerKvb: bigint;
  /** Where the rest goes, hex. */
  readonly changeScript: string;
  /** Confirmed ones, spent as well where the parent's output is too small. */
  readonly additionalCoins?: readonly Coin[];
}

export type ChildPlan =
  | { readonly outcome: 'planned'; readonly transaction: UnsignedTransaction }
  /** The parent pays as much already. */
  | { readonly outcome: 'unneeded' }
  | { readonly outcome: 'short'; readonly missingSats: bigint };

/** @throws HoldfastError `transaction.bad-plan` */
export function planChild(request: ChildRequest): ChildPlan {
  const { parent, coin, satPerKvb, changeScript, additionalCoins = [] } = request;
  requireRate(satPerKvb);
  if (satPerKvb * BigInt(parent.vsize) <= parent.feeSats * 1000n) return { outcome: 'unneeded' };
  const more = additionalCoins
    .filter((other) => outpointKey(other) !== outpointKey(coin) && isWorthSpending(other, satPerKvb))
    .toSorted(bySize);
  requireCoins([coin, ...more]);
  let missingSats = 0n;
  for (let count = 0; count <= more.length; count++) {
    const coins = [coin, ...more.slice(0, count)];
    const vsize = vsizeOf(weigh(coins, [changeScript]));
    const changeSats = sumSats(coins) - (feeOf(parent.vsize + vsize, satPerKvb) - parent.feeSats);
    missingSats = dustSats(changeScript) - changeSats;
    if (missingSats <= 0n) {
      return {
        outcome: 'planned',
        transaction: buildTransaction(coins, [{ script: changeScript, sats: changeSats }], 0),
      };
    }
  }
  return { outcome: 'short', missingSats };
}
