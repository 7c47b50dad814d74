/**
 * What becomes of a deposit when the chain is looked at again. Pure.
 *
 *   seen ──deep enough──▶ credited ──taken away──▶ reversed
 *    │ ▲                     ▲                        │
 *    │ └──back again── gone  └──back and deep enough──┤
 *    └──taken away──▶ gone                            │
 *    ▲────────────────────back again──────────────────┘
 */
export type DepositState = 'seen' | 'credited' | 'reversed' | 'gone';

export interface DepositRules {
  /** A deposit is credited when so many blocks confirm it. */
  readonly confirmations: number;
  /** More for a client with more than that on its way: what could be gained by taking it back grows with it. */
  readonly large?: { readonly sats: bigint; readonly confirmations: number };
}

/** `absent`: neither in the chain nor in the mempool. */
export type Observation = { readonly confirmations: number; readonly blockHash?: string } | 'absent';

/** `note`: only the number of confirmations is new. `forget`: it was never credited, so nothing is booked. */
export type Step = 'none' | 'note' | 'return' | 'credit' | 'reverse' | 'forget';

export interface DepositNow {
  readonly state: DepositState;
  readonly confirmations: number;
  readonly blockHash?: string;
  /** Whether somebody was given its address. */
  readonly hasOwner: boolean;
}

export function decideStep(now: DepositNow, observed: Observation, requiredConfirmations: number): Step {
  if (observed === 'absent') {
    if (now.state === 'credited') return 'reverse';
    return now.state === 'seen' ? 'forget' : 'none';
  }
  if (now.state !== 'credited') {
    if (now.hasOwner && observed.confirmations >= requiredConfirmations) return 'credit';
    if (now.state !== 'seen') return 'return';
  }
  const isSame = observed.confirmations === now.confirmations && observed.blockHash === now.blockHash;
  return isSame ? 'none' : 'note';
}

/** @param movingSats all of the client's that less blocks confirm than a large deposit needs, this one included */
export const confirmationsFor = ({ confirmations, large }: DepositRules, movingSats: bigint): number =>
  large !== undefined && movingSats >= large.sats ? Math.max(confirmations, large.confirmations) : confirmations;
