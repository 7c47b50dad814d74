/** Plans the transaction of a batch of payouts: which coins, what each payee gets, and the change. Decides, does nothing. */
import { fail } from '@holdfast/protocol';
import { buildTransaction, requireAmount, requireCoins, requireRate, sumSats, weigh } from './build-transaction.ts';
import { chooseCoins, isWorthSpending } from './choose-coins.ts';
import { type Coin, type Outpoint, outpointKey, type Payee, type Payment, type PayoutTransaction } from './coins.ts';
import { dustSats } from './scripts.ts';
import { shareFee } from './share-fee.ts';
import { feeOf, outputWeight, vsizeOf } from './weights.ts';

/** Heavier transactions are not relayed. */
export const MAX_STANDARD_WEIGHT = 400_000;

export interface PayoutRequest {
  /** What may be spent; unconfirmed coins, and those that cost more than they are worth, are left alone. */
  readonly coins: readonly Coin[];
  /** Each bears its share of the fee. */
  readonly payees: readonly Payee[];
  readonly satPerKvb: bigint;
  /** Hex. */
  readonly changeScript: string;
  /** One of the coins, spent in any case; otherwise the largest of those chosen is designated. */
  readonly designated?: Outpoint;
  /** Default: MAX_STANDARD_WEIGHT. */
  readonly maxWeight?: number;
}

/** Less than nodes relay would arrive, after the share of the fee. */
export interface TooSmall {
  readonly id: string;
  readonly feeShareSats: bigint;
  readonly dustSats: bigint;
}

export type PayoutPlan =
  | { readonly outcome: 'planned'; readonly transaction: PayoutTransaction }
  /** What may be spent is worth too little; so much more would do. */
  | { readonly outcome: 'short'; readonly missingSats: bigint }
  /** Plan again without these. */
  | { readonly outcome: 'dust'; readonly payees: readonly TooSmall[] }
  /** Too heavy for one transaction: plan again with fewer payees. */
  | { readonly outcome: 'heavy'; readonly weight: number; readonly maxWeight: number };

/**
 * The same coins and payees, in whatever order, give the same transaction. Payees are ordered by id, change comes last:
 * so every replacement pays each payee with the same output.
 * @throws HoldfastError `transaction.bad-plan` for a request that makes no sense: no payees, one named twice, amounts or
 * a rate that are not above zero, a designated coin that is not among the coins or not confirmed
 */
export function planPayout(request: PayoutRequest): PayoutPlan {
  requireSense(request);
  const { satPerKvb, changeScript, maxWeight = MAX_STANDARD_WEIGHT } = request;
  const payees = request.payees.toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const targetSats = sumSats(payees);
  const usable = usableCoins(request);
  const leastChangeSats = dustSats(changeScript);
  const chosen = chooseCoins({ ...usable, targetSats, leastChangeSats });
  if (chosen === undefined) {
    return { outcome: 'short', missingSats: targetSats - sumSats(usable.forced) - sumSats(usable.free) };
  }
  const restSats = sumSats(chosen) - targetSats;
  const hasChange = restSats >= leastChangeSats;
  const scripts = [...payees.map(({ script }) => script), ...(hasChange ? [changeScript] : [])];
  const weight = weigh(chosen, scripts);
  if (weight > maxWeight) return { outcome: 'heavy', weight, maxWeight };
  const payments = paymentsOf(payees, feeOf(vsizeOf(weight), satPerKvb), weight);
  const tooSmall = payments.filter(({ receivedSats, script }) => receivedSats < dustSats(script));
  if (tooSmall.length > 0) {
    const why = tooSmall.map(({ id, feeShareSats, script }) => ({ id, feeShareSats, dustSats: dustSats(script) }));
    return { outcome: 'dust', payees: why };
  }
  const outputs = payments.map(({ script, receivedSats }) => ({ script, sats: receivedSats }));
  const transaction = hasChange
    ? buildTransaction(chosen, [...outputs, { script: changeScript, sats: restSats }], outputs.length)
    : buildTransaction(chosen, outputs);
  const designated = usable.forced[0] ?? largest(transaction.inputs);
  return {
    outcome: 'planned',
    transaction: {
      ...transaction,
      designated: { txid: designated.txid, vout: designated.vout },
      payments,
      mediatorFeeSats: hasChange ? 0n : restSats,
    },
  };
}

function paymentsOf(payees: readonly Payee[], feeSats: bigint, weight: number): Payment[] {
  const ownWeights = payees.map(({ script }) => outputWeight(script.length / 2));
  const shares = shareFee(feeSats, ownWeights, weight);
  return payees.map(({ id, script, sats }, vout) => {
    const feeShareSats = shares[vout] as bigint;
    return { id, script, sats, vout, feeShareSats, receivedSats: sats - feeShareSats };
  });
}

function usableCoins({ coins, designated, satPerKvb }: PayoutRequest): { forced: Coin[]; free: Coin[] } {
  const isDesignated = (coin: Coin): boolean =>
    designated !== undefined && outpointKey(coin) === outpointKey(designated);
  const forced = coins.filter(isDesignated);
  if (designated !== undefined && !forced.some(({ confirmations }) => confirmations > 0)) {
    throw fail('transaction.bad-plan', { detail: 'the designated coin is not among the confirmed ones' });
  }
  return { forced, free: coins.filter((coin) => !isDesignated(coin) && isWorthSpending(coin, satPerKvb)) };
}

const largest = (coins: readonly Coin[]): Coin => coins.reduce((best, coin) => (coin.sats > best.sats ? coin : best));

function requireSense({ coins, payees, satPerKvb, changeScript }: PayoutRequest): void {
  requireCoins(coins);
  requireRate(satPerKvb);
  if (payees.length === 0) throw fail('transaction.bad-plan', { detail: 'there is nobody to pay' });
  if (new Set(payees.map(({ id }) => id)).size !== payees.length) {
    throw fail('transaction.bad-plan', { detail: 'a payee is named twice' });
  }
  for (const { sats, script } of payees) {
    requireAmount(sats);
    dustSats(script);
  }
  dustSats(changeScript);
}
