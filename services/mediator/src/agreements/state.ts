/**
 * The life of an agreement. Pure.
 *
 *   active ──renewed──▶ renewed ──term over──▶ ended
 *     │ ▲                                        ▲
 *     │ └─renewed─ grace ──term over─────────────┤
 *     └──unfunded──▶ ┘                           │
 *   active, renewed, grace ──terminated──────────┘
 */
import { fail } from '@holdfast/protocol';

export const AGREEMENT_STATES = ['active', 'renewed', 'grace', 'ended'] as const;
/** `renewed`: another one follows it; `grace`: its renewal could not be paid, it is paid up to its end. */
export type AgreementState = (typeof AGREEMENT_STATES)[number];
export type AgreementEvent = 'renewed' | 'unfunded' | 'term over' | 'terminated';

const NEXT: Readonly<Record<AgreementState, Partial<Record<AgreementEvent, AgreementState>>>> = {
  active: { renewed: 'renewed', unfunded: 'grace', 'term over': 'ended', terminated: 'ended' },
  grace: { renewed: 'renewed', unfunded: 'grace', 'term over': 'ended', terminated: 'ended' },
  renewed: { 'term over': 'ended', terminated: 'ended' },
  ended: { 'term over': 'ended' },
};

/** @throws HoldfastError `agreement.ended` where the event cannot happen any more. */
export function nextState(state: AgreementState, event: AgreementEvent, agreementId: string): AgreementState {
  const next = NEXT[state][event];
  if (next === undefined) throw fail('agreement.ended', { agreementId });
  return next;
}
