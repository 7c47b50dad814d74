/** Plans the replacement of a stuck payout (BIP-125): same designated input, same payees, a higher fee. */
import { fail } from '@holdfast/protocol';
import type { Coin, Outpoint, UnsignedTransaction } from './coins.ts';

/** What has to be kept of a payout to replace it. */
export interface PreviousPayout {
  /** The signed transaction. */
  readonly hex: string;
  /** All that it spends. */
  readonly inputs: readonly Coin[];
  readonly designated: Outpoint;
  /** Absent: it has no change. */
  readonly changeVout?: number;
}

export interface BumpRequest {
  readonly previous: PreviousPayout;
  readonly satPerKvb: bigint;
  /** More coins that may be spent; unconfirmed ones are left alone. */
  readonly additionalCoins?: readonly Coin[];
  /** Hex. */
  readonly changeScript: string;
  /** Unconfirmed transactions that fall with the previous one, such as a child that paid for it. */
  readonly descendants?: { readonly feeSats: bigint; readonly count: number };
  /** What nodes ask for relaying a replacement; 1,000 is the usual default. */
  readonly incrementalSatPerKvb?: bigint;
  /** Never more than this in all. */
  readonly maxFeeSats?: bigint;
}

export type BumpPlan =
  | {
      readonly outcome: 'planned';
      /** Payees keep their outputs' numbers and amounts. */
      readonly transaction: UnsignedTransaction;
      /** What the mediator pays on top of the previous transaction's fee. */
      readonly addedFeeSats: bigint;
      readonly satPerKvb: bigint;
    }
  /** The previous one pays as much already. */
  | { readonly outcome: 'unneeded'; readonly satPerKvb: bigint }
  | { readonly outcome: 'short'; readonly missingSats: bigint }
  | { readonly outcome: 'too-dear'; readonly feeSats: bigint };

/** @throws HoldfastError `transaction.bad-plan`, `transaction.malformed` */
export function planBump(_request: BumpRequest): BumpPlan {
  throw fail('transaction.bad-plan', { detail: 'not planned yet' });
}
