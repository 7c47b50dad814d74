/** Which standing follows from a reputation, and the sentences that tell the node why. */
import type { NodeStanding } from '../nodes/index.ts';
import { type Reputation, scoreOf } from './reputation.ts';
import { REPUTATION_RULES as RULES } from './rules.ts';

/** @param standing the present one; who is leaving goes on leaving, and a disqualification is for good. */
export function decideStanding(standing: NodeStanding, reputation: Reputation): NodeStanding {
  if (standing === 'disqualified' || isDisqualifying(reputation)) return 'disqualified';
  if (standing === 'leaving') return 'leaving';
  if (isSuspending(reputation)) return 'suspended';
  if (standing === 'active' || (standing === 'vetting' && !isVetted(reputation))) return standing;
  if (!isRestored(reputation)) return standing; // suspended or vetting
  return isVetted(reputation) ? 'active' : 'vetting';
}

const isDisqualifying = ({ proofs, absentPeriods }: Reputation): boolean =>
  scoreOf(proofs) < RULES.disqualifyProofsBelow || absentPeriods >= RULES.disqualifyAbsentPeriods;
const isSuspending = ({ proofs, availability }: Reputation): boolean =>
  scoreOf(proofs) < RULES.suspendProofsBelow || scoreOf(availability) < RULES.suspendAvailabilityBelow;
const isRestored = ({ proofs, availability }: Reputation): boolean =>
  scoreOf(proofs) >= RULES.restoreProofsFrom && scoreOf(availability) >= RULES.restoreAvailabilityFrom;
const isVetted = ({ passedPeriods }: Reputation): boolean => passedPeriods >= RULES.vettingPeriods;

/** Passed periods in a row after which a score reaches `target`. */
function periodsUntil(target: number, { good, bad }: { readonly good: number; readonly bad: number }): number {
  if (bad === 0 || good / (good + bad) >= target) return 0;
  // after n more: good' = good·f + M·(1 − f), bad' = bad·f, f = (1 − 1/M)^n; solved for good' / (good' + bad') = target
  const memory = RULES.memoryPeriods;
  const faded = (memory * (1 - target)) / (memory * (1 - target) + target * bad - (1 - target) * good);
  return Math.ceil(Math.log(faded) / Math.log(1 - 1 / memory));
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;

/** Passed periods in a row that bring both scores back. */
const periodsToGo = ({ proofs, availability }: Reputation): number =>
  Math.max(periodsUntil(RULES.restoreProofsFrom, proofs), periodsUntil(RULES.restoreAvailabilityFrom, availability));

/** Why the node stands where it stands and what ends it, in sentences for its operator; empty when all is well. */
export function explainStanding(standing: NodeStanding, reputation: Reputation): string[] {
  if (standing === 'vetting') {
    const periods = Math.max(periodsToGo(reputation), RULES.vettingPeriods - reputation.passedPeriods);
    return [`It is new: ${periods} more passed periods in a row end the vetting.`];
  }
  if (standing === 'suspended') return explainSuspension(reputation);
  if (standing !== 'disqualified') return [];
  return reputation.absentPeriods >= RULES.disqualifyAbsentPeriods
    ? [`It was away for ${reputation.absentPeriods} periods in a row.`]
    : [`${proofsOf(reputation)}, below ${percent(RULES.disqualifyProofsBelow)}.`];
}

function explainSuspension(reputation: Reputation): string[] {
  const reasons: string[] = [];
  if (scoreOf(reputation.proofs) < RULES.restoreProofsFrom) {
    reasons.push(`${proofsOf(reputation)}; ${percent(RULES.restoreProofsFrom)} are needed to come back.`);
  }
  const presence = scoreOf(reputation.availability);
  if (presence < RULES.restoreAvailabilityFrom) {
    const needed = percent(RULES.restoreAvailabilityFrom);
    reasons.push(`It was there in ${percent(presence)} of the last periods; ${needed} are needed to come back.`);
  }
  const toGo = periodsToGo(reputation);
  return [...reasons, `It gets no new data meanwhile; about ${toGo} passed periods in a row end the suspension.`];
}

const proofsOf = ({ proofs, failedPeriods }: Reputation): string =>
  `Its proof score is ${percent(scoreOf(proofs))} after ${failedPeriods} failed challenges`;
