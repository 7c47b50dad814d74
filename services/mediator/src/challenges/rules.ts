/** The numbers of challenges that everybody is told. Times in milliseconds. */
import { DRAWN_LEAVES } from '@holdfast/protocol';

export interface ChallengeRules {
  /** How long a period lasts; the ledger's, too. */
  readonly periodMs: number;
  /** So long after it was issued a challenge can be answered. */
  readonly deadlineMs: number;
  /** An answer that arrived by the deadline has so long to be verified before its challenge counts as missed. */
  readonly verifyMs: number;
  /** Leaves drawn from all bytes of a node. */
  readonly drawnLeaves: number;
  /** So many periods ahead the mediator commits to secrets: an outage up to that long voids no period for want of one. */
  readonly committedPeriods: number;
  /** From a retrieval check that was served to the next one, on average; after one that was not, a twelfth of it. */
  readonly retrievalCheckMs: number;
  /** Silence of the mediator itself that counts as an outage. */
  readonly outageMs: number;
  /** Leaves and paths of answers are kept so long: of passed verdicts … */
  readonly passedFrameMs: number;
  /** … and of all others. */
  readonly otherFrameMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A challenge takes at most so much of its period. */
const MAX_DEADLINE_SHARE = 3;
const MAX_VERIFY_SHARE = 10;

/** The defaults, for periods of any length. */
export const challengeRules = (periodMs = HOUR_MS, changes: Partial<ChallengeRules> = {}): ChallengeRules => ({
  periodMs,
  deadlineMs: Math.min(300_000, Math.floor(periodMs / MAX_DEADLINE_SHARE)),
  verifyMs: Math.min(10_000, Math.floor(periodMs / MAX_VERIFY_SHARE)),
  drawnLeaves: DRAWN_LEAVES,
  committedPeriods: 24,
  retrievalCheckMs: 6 * periodMs,
  outageMs: Math.min(30_000, Math.floor(periodMs / MAX_DEADLINE_SHARE)),
  passedFrameMs: 2 * DAY_MS,
  otherFrameMs: 90 * DAY_MS,
  ...changes,
});

/** A node is challenged within so long after the start of a period: the rest of it is for the answer. */
export const challengeSpanMs = ({ periodMs, deadlineMs, verifyMs }: ChallengeRules): number =>
  Math.max(1, periodMs - deadlineMs - verifyMs);
