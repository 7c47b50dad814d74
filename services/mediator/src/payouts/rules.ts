/** The numbers that payouts go by. Amounts are whole satoshi, fee rates satoshi per 1,000 virtual bytes. */
export interface PayoutRules {
  /** A node is paid when it is due so many times the fee rate in sat/vB. */
  readonly worthFeeRates: bigint;
  /** After so long it is paid less than that, too, if it is worth anything after its share of the fee. */
  readonly oldAfterMs: number;
  /** An old small balance is paid only when its share of the fee is at most this, in millionths. */
  readonly oldMaxSharePpm: bigint;
  /** Above it nothing is paid and nothing is bumped. */
  readonly maxSatPerKvb: bigint;
  /** So many blocks a payment should take. */
  readonly targetBlocks: number;
  /** After so many blocks without a confirmation it is bumped. */
  readonly stuckBlocks: number;
  /** A bump pays at least so many millionths of what was paid before. */
  readonly bumpStepPpm: bigint;
  readonly finalConfirmations: number;
  /** What batches pay altogether in any hour and any day. Undefined: no limit. */
  readonly hourlyLimitSats?: bigint;
  readonly dailyLimitSats?: bigint;
  /** More at once to one payee waits for an admin's word. Undefined: nothing waits. */
  readonly approvalSats?: bigint;
  readonly maxPayees: number;
  /** A change of a node's payout address takes effect so much later. */
  readonly addressDelayMs: number;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export const payoutRules = (changes: Partial<PayoutRules> = {}): PayoutRules => ({
  worthFeeRates: 2_000n,
  oldAfterMs: 7 * DAY_MS,
  oldMaxSharePpm: 200_000n,
  maxSatPerKvb: 200_000n,
  targetBlocks: 6,
  stuckBlocks: 6,
  bumpStepPpm: 1_500_000n,
  finalConfirmations: 6,
  // As many as fit under the standard weight with 500 inputs, whatever kind their addresses are.
  maxPayees: 1_500,
  addressDelayMs: 72 * HOUR_MS,
  ...changes,
});

export const LIMIT_WINDOWS_MS = { hour: HOUR_MS, day: DAY_MS } as const;
