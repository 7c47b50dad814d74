/** What a node's past comes to: two Beta scores, and what its standing is decided from. Numbers only, for a row. */
import type { Outcome } from '@holdfast/protocol';
import { REPUTATION_RULES as RULES } from './rules.ts';

/** Counts of good and bad periods that fade; the score is the expected share of good ones. */
export interface BetaScore {
  readonly good: number;
  readonly bad: number;
}

export interface Reputation {
  /** Whether it holds what it should: failed challenges count against it, missed ones never do. */
  readonly proofs: BetaScore;
  /** Whether it is there: answers by the deadline and serves. */
  readonly availability: BetaScore;
  /** Ever. */
  readonly passedPeriods: number;
  readonly failedPeriods: number;
  /** In a row, up to now. */
  readonly absentPeriods: number;
}

/** What is known of one node after one period. */
export interface PeriodRecord {
  /** Of its challenge; `idle` for a node that holds nothing and so was asked for nothing. */
  readonly outcome: Outcome | 'idle';
  /**
   * Different shards that the challenge asked for afresh, 0 when idle; those only carried over do not count, so that
   * silence does not make a loss look small.
   */
  readonly shardsAsked: number;
  /** Shards that the verdict found lost. */
  readonly shardsLost: number;
  /** Whether its data address serves, by the newest retrieval check; for an idle node whether it is online. */
  readonly isServing: boolean;
}

export const newReputation = (): Reputation => ({
  proofs: { good: RULES.initialProofs, bad: 0 },
  availability: { good: RULES.initialAvailability, bad: 0 },
  passedPeriods: 0,
  failedPeriods: 0,
  absentPeriods: 0,
});

/** 0 to 1. */
export const scoreOf = ({ good, bad }: BetaScore): number => (good + bad === 0 ? 1 : good / (good + bad));

const KEPT = 1 - 1 / RULES.memoryPeriods;
const remember = (score: BetaScore, good: number, bad: number): BetaScore => ({
  good: score.good * KEPT + good,
  bad: score.bad * KEPT + bad,
});

/** Whether the node is paid for the period: it showed everything that it was asked for, and serves. */
export const isPeriodPaid = ({ outcome, isServing }: PeriodRecord): boolean => outcome === 'passed' && isServing;

/** Whether the node counts as there: for its availability, and for repair. */
export const isPeriodPresent = ({ outcome, isServing }: PeriodRecord): boolean => outcome !== 'missed' && isServing;

/** The reputation after one more period. Each period is recorded once, in order. */
export function recordPeriod(before: Reputation, period: PeriodRecord): Reputation {
  const isPresent = isPeriodPresent(period);
  return {
    proofs: recordProof(before.proofs, period),
    availability: remember(before.availability, isPresent ? 1 : 0, isPresent ? 0 : 1),
    passedPeriods: before.passedPeriods + (period.outcome === 'passed' ? 1 : 0),
    failedPeriods: before.failedPeriods + (period.outcome === 'failed' ? 1 : 0),
    absentPeriods: isPresent ? 0 : before.absentPeriods + 1,
  };
}

/** Silence and idleness say nothing about what a node holds: they do not even let a failure fade. */
function recordProof(proofs: BetaScore, { outcome, shardsAsked, shardsLost }: PeriodRecord): BetaScore {
  if (outcome === 'passed') return remember(proofs, 1, 0);
  return outcome === 'failed' ? remember(proofs, 0, failureWeight(shardsAsked, shardsLost)) : proofs;
}

/** In passed periods. */
const failureWeight = (shardsAsked: number, shardsLost: number): number =>
  RULES.failureWeight * (1 + RULES.lossFactor * Math.min(1, shardsLost / Math.max(1, shardsAsked)));
