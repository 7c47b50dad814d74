/** From those who may be paid to one transaction: without those whom their share of the fee would leave too little. */
import { type Coin, type PayoutTransaction, planPayout } from '@holdfast/bitcoin';
import type { Chosen } from './choose-payees.ts';
import type { Payee } from './ports.ts';

export type BatchPlan =
  | {
      readonly outcome: 'planned';
      readonly transaction: PayoutTransaction;
      readonly payees: readonly Payee[];
      /** The hot wallet was short of so much, and somebody waits for it. */
      readonly missingSats?: bigint;
    }
  /** Nobody is left who could be paid. */
  | { readonly outcome: 'nobody' }
  /** The hot wallet is short of so much. */
  | { readonly outcome: 'short'; readonly missingSats: bigint };

export interface BatchTerms {
  readonly coins: readonly Coin[];
  readonly satPerKvb: bigint;
  readonly changeScript: string;
}

/** So deep, no reorganisation takes a coin away under a payment that spends it. */
const DEEP_CONFIRMATIONS = 6;

/** From deep coins where those suffice. */
export function planBatch(chosen: readonly Chosen[], terms: BatchTerms): BatchPlan {
  const deep = terms.coins.filter(({ confirmations }) => confirmations >= DEEP_CONFIRMATIONS);
  const plan = planFrom(chosen, { ...terms, coins: deep });
  const isAll = plan.outcome === 'planned' && plan.payees.length === chosen.length;
  return isAll || deep.length === terms.coins.length ? plan : planFrom(chosen, terms);
}

/** One payee less at each try would be slow where many are too small; each round drops all that do not fit. */
function planFrom(chosen: readonly Chosen[], terms: BatchTerms): BatchPlan {
  let left = [...chosen];
  let missingSats: bigint | undefined;
  while (left.length > 0) {
    const payees = left.map(({ candidate, grossSats }, index) => ({
      id: String(index),
      script: candidate.script,
      sats: grossSats,
    }));
    const plan = planPayout({ ...terms, payees });
    if (plan.outcome === 'dust') {
      const dropped = new Set(plan.payees.map(({ id }) => Number(id)));
      left = left.filter((_, index) => !dropped.has(index));
    } else if (plan.outcome === 'heavy') {
      left = left.slice(0, Math.floor(left.length / 2));
    } else if (plan.outcome === 'short') {
      missingSats ??= plan.missingSats;
      left = asFarAs(left, sumOf(left) - plan.missingSats);
      if (left.length === 0) return { outcome: 'short', missingSats };
    } else {
      const { payments } = plan.transaction;
      const shareOf = new Map(payments.map(({ id, feeShareSats }) => [Number(id), feeShareSats]));
      const fitting = left.filter(
        ({ maxShareSats }, index) => maxShareSats === undefined || shareOf.get(index)! <= maxShareSats,
      );
      if (fitting.length < left.length) left = fitting;
      else {
        const payees = left.map((one, index) => toPayee(one, shareOf.get(index)!));
        return { ...plan, payees, ...(missingSats !== undefined && { missingSats }) };
      }
    }
  }
  return { outcome: 'nobody' };
}

const sumOf = (chosen: readonly Chosen[]): bigint => chosen.reduce((sum, { grossSats }) => sum + grossSats, 0n);

/** Those at the front first; whoever is due more than there is keeps nobody behind it from being paid. */
function asFarAs(chosen: readonly Chosen[], worthSats: bigint): Chosen[] {
  let restSats = worthSats;
  return chosen.filter(({ grossSats }) => {
    if (grossSats > restSats) return false;
    restSats -= grossSats;
    return true;
  });
}

const toPayee = ({ candidate, grossSats }: Chosen, feeShareSats: bigint): Payee => ({
  owner: candidate.owner,
  address: candidate.address,
  script: candidate.script,
  grossSats,
  feeShareSats,
});
