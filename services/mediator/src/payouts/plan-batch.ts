/** From those who may be paid to one transaction: without those whom their share of the fee would leave too little. */
import { type Coin, type PayoutTransaction, planPayout } from '@holdfast/bitcoin';
import type { Chosen } from './choose-payees.ts';
import type { Payee } from './ports.ts';

export type BatchPlan =
  | { readonly outcome: 'planned'; readonly transaction: PayoutTransaction; readonly payees: readonly Payee[] }
  /** Nobody is left who could be paid. */
  | { readonly outcome: 'nobody' }
  /** The hot wallet is short of so much. */
  | { readonly outcome: 'short'; readonly missingSats: bigint };

export interface BatchTerms {
  readonly coins: readonly Coin[];
  readonly satPerKvb: bigint;
  readonly changeScript: string;
}

/** One payee less at each try would be slow where many are too small; each round drops all that do not fit. */
export function planBatch(chosen: readonly Chosen[], terms: BatchTerms): BatchPlan {
  // Deepest first, so that the designated one is what a reorganisation takes last.
  const coins = terms.coins.toSorted((a, b) => b.confirmations - a.confirmations || compare(a, b));
  let left = [...chosen];
  while (left.length > 0) {
    const payees = left.map(({ candidate, grossSats }, index) => ({
      id: String(index),
      script: candidate.script,
      sats: grossSats,
    }));
    const plan = planPayout({ ...terms, coins, payees });
    if (plan.outcome === 'dust') {
      const dropped = new Set(plan.payees.map(({ id }) => Number(id)));
      left = left.filter((_, index) => !dropped.has(index));
    } else if (plan.outcome === 'heavy') {
      left = left.slice(0, Math.floor(left.length / 2));
    } else if (plan.outcome === 'short') {
      // Those at the front first, as far as the money goes.
      const fewer = left.slice(0, Math.floor(left.length / 2));
      if (fewer.length === 0) return plan;
      left = fewer;
    } else {
      const { payments } = plan.transaction;
      const shareOf = new Map(payments.map(({ id, feeShareSats }) => [Number(id), feeShareSats]));
      const fitting = left.filter(
        ({ maxShareSats }, index) => maxShareSats === undefined || shareOf.get(index)! <= maxShareSats,
      );
      if (fitting.length < left.length) left = fitting;
      else return { ...plan, payees: left.map((one, index) => toPayee(one, shareOf.get(index)!)) };
    }
  }
  return { outcome: 'nobody' };
}

const toPayee = ({ candidate, grossSats }: Chosen, feeShareSats: bigint): Payee => ({
  owner: candidate.owner,
  address: candidate.address,
  script: candidate.script,
  grossSats,
  feeShareSats,
});

const compare = (a: Coin, b: Coin): number => (a.txid < b.txid ? -1 : a.txid > b.txid ? 1 : a.vout - b.vout);
