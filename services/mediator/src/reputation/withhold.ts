/** The part of what a node earns that is kept back for a while, and what becomes of it. Amounts in millisatoshi. */
import { type Msat, msat } from '@holdfast/protocol';
import type { NodeStanding } from '../nodes/index.ts';

const TEN_THOUSAND = 10_000n;
/** In ten-thousandths of an accrual. */
const WITHHELD_SHARE = 2_500n;
const WITHHELD_SHARE_VETTING = 7_500n;
/** How long it is kept back after the period that earned it. */
export const WITHHOLD_MS = 30 * 24 * 3_600_000;

export interface WithheldShares {
  /** In ten-thousandths, 0 to 10,000. */
  readonly vetting: bigint;
  readonly others: bigint;
}
export const WITHHELD_SHARES: WithheldShares = { vetting: WITHHELD_SHARE_VETTING, others: WITHHELD_SHARE };

/** Splits an accrual, rounding in favour of what is paid at once; both parts together are the whole. */
export function splitAccrual(
  accrualMsat: Msat,
  standing: NodeStanding,
  shares: WithheldShares = WITHHELD_SHARES,
): { payableMsat: Msat; withheldMsat: Msat } {
  const share = standing === 'vetting' ? shares.vetting : shares.others;
  const withheld = (accrualMsat * share) / TEN_THOUSAND;
  return { payableMsat: msat(accrualMsat - withheld), withheldMsat: msat(withheld) };
}

/**
 * What becomes of the withheld part of a disqualified node: the repair of what it lost is taken from it, never more than
 * there is; the rest is paid.
 */
export function settleWithheld(withheldMsat: Msat, repairCostMsat: Msat): { repairMsat: Msat; releasedMsat: Msat } {
  const repair = repairCostMsat < withheldMsat ? repairCostMsat : withheldMsat;
  return { repairMsat: repair, releasedMsat: msat(withheldMsat - repair) };
}
