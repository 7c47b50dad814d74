/**
 * Where the money comes from when a credited deposit was taken away by the chain. Pure.
 *
 * First what is available. Then what is held for periods to come: all agreements of the client are cut at one period, the
 * latest that frees enough, so that all of its data stays readable together for as long as the money lasts; but never
 * within the grace, for which nodes keep the data and are paid. The rest is owed. What a node has earned, and the periods
 * that it is working through now, are never touched.
 */
import { dueBetween, type PricedSpan, type PriceUnit } from '@holdfast/protocol';

export interface HeldAgreement {
  readonly agreementNo: number;
  readonly holdNo: number;
  readonly startPeriod: number;
  readonly endPeriod: number;
  /** The first period that may be cut off: after the grace. */
  readonly floorPeriod: number;
  readonly spans: readonly PricedSpan[];
}

export interface AgreementCut {
  readonly agreementNo: number;
  readonly holdNo: number;
  /** The first period that it does not cover any more. */
  readonly atPeriod: number;
  /** What its hold gives for the deposit. */
  readonly takenMsat: bigint;
  /** What its hold gives back to the client: a cut takes whole periods. */
  readonly returnedMsat: bigint;
}

export interface ReversalPlan {
  readonly fromAvailableMsat: bigint;
  readonly cuts: readonly AgreementCut[];
  readonly owedMsat: bigint;
}

export function planReversal(
  amountMsat: bigint,
  { availableMsat, agreements }: { availableMsat: bigint; agreements: readonly HeldAgreement[] },
  unit: PriceUnit,
): ReversalPlan {
  const fromAvailableMsat = availableMsat < amountMsat ? availableMsat : amountMsat;
  let missingMsat = amountMsat - fromAvailableMsat;
  const cuts: AgreementCut[] = [];
  const freed = (one: HeldAgreement, period: number): bigint => freedBy(one, cutPeriod(one, period), unit);
  const atPeriod = missingMsat === 0n ? Infinity : latestCut(agreements, missingMsat, freed);
  for (const one of agreements) {
    const freedMsat = atPeriod === Infinity ? 0n : freed(one, atPeriod);
    if (freedMsat === 0n) continue;
    const takenMsat = freedMsat < missingMsat ? freedMsat : missingMsat;
    missingMsat -= takenMsat;
    const { agreementNo, holdNo } = one;
    cuts.push({
      agreementNo,
      holdNo,
      atPeriod: cutPeriod(one, atPeriod),
      takenMsat,
      returnedMsat: freedMsat - takenMsat,
    });
  }
  return { fromAvailableMsat, cuts, owedMsat: missingMsat };
}

const cutPeriod = ({ floorPeriod, startPeriod }: HeldAgreement, period: number): number =>
  Math.max(period, floorPeriod, startPeriod + 1);

const freedBy = ({ spans }: HeldAgreement, fromPeriod: number, unit: PriceUnit): bigint =>
  spans.reduce(
    (sum, span) =>
      span.untilPeriod <= fromPeriod
        ? sum
        : sum + dueBetween(span, unit, Math.max(span.fromPeriod, fromPeriod), span.untilPeriod),
    0n,
  );

/** The latest period at which a cut of all frees so much; the earliest possible where none does. */
function latestCut(
  agreements: readonly HeldAgreement[],
  missingMsat: bigint,
  freed: (one: HeldAgreement, period: number) => bigint,
): number {
  let low = Math.min(...agreements.map(({ floorPeriod }) => floorPeriod));
  let high = Math.max(...agreements.map(({ endPeriod }) => endPeriod));
  if (agreements.length === 0 || low >= high) return low;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const freedMsat = agreements.reduce((sum, one) => sum + freed(one, middle), 0n);
    if (freedMsat >= missingMsat) low = middle;
    else high = middle - 1;
  }
  return low;
}
