/** How long a client's money lasts, and when to say so. Pure. */

/** What the next term of an agreement will cost, and when it has to be paid. */
export interface Renewal {
  /** The renewal is paid at the start of this period. */
  readonly duePeriod: number;
  /** Without it, the data is given up at the start of this period. */
  readonly endPeriod: number;
  readonly costMsat: bigint;
}

export interface Runway {
  /** The first period at which something would be given up; absent while all renewals in sight are covered. */
  readonly untilPeriod?: number;
  /** What is missing for all renewals in sight. */
  readonly missingMsat: bigint;
}

/**
 * Pays the renewals in their order from what is available. Terms renew for ever, so each renewal comes again after
 * `termPeriods`; as far ahead as `horizonPeriod`.
 */
export function findRunway(
  availableMsat: bigint,
  renewals: readonly Renewal[],
  { termPeriods, horizonPeriod }: { termPeriods: number; horizonPeriod: number },
): Runway {
  const due = renewals
    .flatMap((renewal) => {
      const rounds = Math.max(0, Math.floor((horizonPeriod - renewal.duePeriod) / termPeriods) + 1);
      return Array.from({ length: rounds }, (_, round) => ({
        duePeriod: renewal.duePeriod + round * termPeriods,
        endPeriod: renewal.endPeriod + round * termPeriods,
        costMsat: renewal.costMsat,
      }));
    })
    .sort((a, b) => a.duePeriod - b.duePeriod || a.endPeriod - b.endPeriod);
  let left = availableMsat;
  let untilPeriod: number | undefined;
  for (const { endPeriod, costMsat } of due) {
    left -= costMsat;
    if (left < 0n) untilPeriod = Math.min(untilPeriod ?? endPeriod, endPeriod);
  }
  return { ...(untilPeriod !== undefined && { untilPeriod }), missingMsat: left < 0n ? -left : 0n };
}

const RUNWAY_WARNING_DAYS = [14, 7, 1] as const;

/** The narrowest of the warnings that a runway of so many days has come under; undefined above all of them. */
export const runwayWarning = (days: number): number | undefined =>
  RUNWAY_WARNING_DAYS.findLast((threshold) => days <= threshold);
