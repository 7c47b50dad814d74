/** The published numbers of reputation. docs/market.md explains each and shows what they do to ten kinds of node. */
export const REPUTATION_RULES = {
  /** Periods that a score looks back on: what lies so far behind counts 1/e. */
  memoryPeriods: 240,
  /** What a newcomer starts with, in good periods. */
  initialProofs: 24,
  initialAvailability: 72,
  /** A failed challenge weighs as much as so many passed ones … */
  failureWeight: 12,
  /** … times 1 + this × the share of the shards asked for that turned out lost. */
  lossFactor: 100,
  suspendProofsBelow: 0.9,
  suspendAvailabilityBelow: 0.85,
  /** Both are needed to come back from a suspension and to end the vetting. */
  restoreProofsFrom: 0.95,
  restoreAvailabilityFrom: 0.9,
  /** Passed periods that end the vetting: a week of hours. */
  vettingPeriods: 168,
  disqualifyProofsBelow: 0.5,
  /** Periods in a row without an answer and service that end it: thirty days of hours. */
  disqualifyAbsentPeriods: 720,
} as const;
