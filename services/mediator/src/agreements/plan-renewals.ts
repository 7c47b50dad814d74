/** Which of the agreements that are about to end go on, and which cannot be paid for. Pure. */
import { dueBetween, type PriceUnit, satPerTbMonth } from '@holdfast/protocol';
import type { RenewalRefusal } from './ports.ts';

export interface RenewalCandidate {
  readonly agreementNo: number;
  readonly endPeriod: number;
  readonly storedBytes: number;
  /** Of the term that ends. */
  readonly oldPrice: bigint;
  /** What the node asks now. */
  readonly newPrice: bigint;
  /** Whether the node still takes part. */
  readonly isNodeGood: boolean;
  /** Whether the mandate lets the node hold shards. */
  readonly isAllowed: boolean;
}

export interface RenewalMeans {
  readonly availableMsat: bigint;
  /** Absent: there is no mandate in force. */
  readonly mandate?: { readonly maxPriceSatPerTbMonth: bigint; readonly monthlyLimitMsat: bigint };
  /** What the vault costs per 30 days now, the candidates at their old price. */
  readonly monthlyMsat: bigint;
}

export interface RenewalPlan {
  readonly renewed: readonly { readonly candidate: RenewalCandidate; readonly costMsat: bigint }[];
  readonly refused: readonly { readonly candidate: RenewalCandidate; readonly reason: RenewalRefusal }[];
}

/** The cheapest first, so that the money goes as far as it can. */
export function planRenewals(
  candidates: readonly RenewalCandidate[],
  means: RenewalMeans,
  { unit, termPeriods, monthPeriods }: { unit: PriceUnit; termPeriods: number; monthPeriods: number },
): RenewalPlan {
  const renewed: { candidate: RenewalCandidate; costMsat: bigint }[] = [];
  const refused: { candidate: RenewalCandidate; reason: RenewalRefusal }[] = [];
  let { availableMsat, monthlyMsat } = means;
  const price = (candidate: RenewalCandidate, sats: bigint, periods: number): bigint => {
    const span = {
      fromPeriod: 0,
      untilPeriod: periods,
      storedBytes: candidate.storedBytes,
      price: satPerTbMonth(sats),
      carry: 0n,
    };
    return dueBetween(span, unit, 0, periods);
  };
  const ordered = candidates.toSorted((a, b) => Number(a.newPrice - b.newPrice) || a.agreementNo - b.agreementNo);
  for (const candidate of ordered) {
    const costMsat = price(candidate, candidate.newPrice, termPeriods);
    const change =
      price(candidate, candidate.newPrice, monthPeriods) - price(candidate, candidate.oldPrice, monthPeriods);
    const reason = refusal(candidate, costMsat, { ...means, availableMsat, monthlyMsat: monthlyMsat + change });
    if (reason !== undefined) {
      refused.push({ candidate, reason });
      continue;
    }
    renewed.push({ candidate, costMsat });
    availableMsat -= costMsat;
    monthlyMsat += change;
  }
  return { renewed, refused };
}

function refusal(
  candidate: RenewalCandidate,
  costMsat: bigint,
  { mandate, availableMsat, monthlyMsat }: RenewalMeans,
): RenewalRefusal | undefined {
  if (!candidate.isNodeGood) return 'node';
  if (mandate === undefined) return 'mandate';
  if (!candidate.isAllowed) return 'terms';
  if (candidate.newPrice > mandate.maxPriceSatPerTbMonth) return 'price';
  if (monthlyMsat > mandate.monthlyLimitMsat) return 'limit';
  if (costMsat > availableMsat) return 'money';
  return undefined;
}
