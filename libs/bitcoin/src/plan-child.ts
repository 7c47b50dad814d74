/** Plans a child that pays for its stuck parent (CPFP), from the wallet's own output of the parent. */
import { fail } from '@holdfast/protocol';
import type { Coin, UnsignedTransaction } from './coins.ts';

export interface ChildRequest {
  readonly parent: { readonly vsize: number; readonly feeSats: bigint };
  /** The parent's output to the wallet. */
  readonly coin: Coin;
  /** What parent and child are to pay together. */
  readonly satPerKvb: bigint;
  /** Where the rest goes, hex. */
  readonly changeScript: string;
  readonly additionalCoins?: readonly Coin[];
}

export type ChildPlan =
  | { readonly outcome: 'planned'; readonly transaction: UnsignedTransaction }
  | { readonly outcome: 'unneeded' }
  | { readonly outcome: 'short'; readonly missingSats: bigint };

/** @throws HoldfastError `transaction.bad-plan` */
export function planChild(_request: ChildRequest): ChildPlan {
  throw fail('transaction.bad-plan', { detail: 'not planned yet' });
}
