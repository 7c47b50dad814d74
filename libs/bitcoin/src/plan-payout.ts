/** Plans the transaction of a batch of payouts: which coins, what each payee gets, and the change. Decides, does nothing. */
import { fail } from '@holdfast/protocol';
import type { Coin, Outpoint, Payee, PayoutTransaction } from './coins.ts';
import type { PublicWallet } from './public-wallet.ts';

/** Heavier transactions are not relayed. */
export const MAX_STANDARD_WEIGHT = 400_000;

export interface PayoutRequest {
  /** What may be spent; unconfirmed coins among them are left alone. */
  readonly coins: readonly Coin[];
  readonly payees: readonly Payee[];
  readonly satPerKvb: bigint;
  /** Hex. */
  readonly changeScript: string;
  /** Must be spent; otherwise the first of the chosen ones is designated. */
  readonly designated?: Outpoint;
  readonly maxWeight?: number;
}

export type PayoutPlan =
  | { readonly outcome: 'planned'; readonly transaction: PayoutTransaction }
  /** The confirmed coins are worth too little; so much more would do. */
  | { readonly outcome: 'short'; readonly missingSats: bigint }
  /** These would get less than nodes relay, after their share of the fee. Plan again without them. */
  | {
      readonly outcome: 'dust';
      readonly payees: readonly { readonly id: string; readonly feeShareSats: bigint; readonly dustSats: bigint }[];
    }
  /** Too heavy for one transaction. Plan again with fewer payees. */
  | { readonly outcome: 'heavy'; readonly weight: number };

/** @throws HoldfastError `transaction.bad-plan` for a request that makes no sense */
export function planPayout(_request: PayoutRequest, _wallet?: PublicWallet): PayoutPlan {
  throw fail('transaction.bad-plan', { detail: 'not planned yet' });
}
