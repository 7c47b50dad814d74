/** What every step of payouts works with. */
import type { PublicWallet } from '@holdfast/bitcoin';
import type { Clock, Logger, Randomness } from '@holdfast/platform';
import type { PaymentRail } from '../rail/index.ts';
import type { PayoutSigner, PayoutStore } from './ports.ts';
import type { PayoutRules } from './rules.ts';

export interface PayoutOptions {
  readonly store: PayoutStore;
  readonly rail: PaymentRail;
  readonly wallet: PublicWallet;
  readonly signer: PayoutSigner;
  readonly rules: PayoutRules;
  /** Batches are begun once in each period of this length. */
  readonly periodMs: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
  /** Told before each step that changes something, and after it. Tests end the process there. */
  readonly onStep?: (step: PayoutMoment) => Promise<void> | void;
}

/** Moments between which a crash makes a difference. */
export const PAYOUT_MOMENTS = [
  'planned',
  'signed',
  'stored',
  'sent',
  'noted',
  'bump-signed',
  'bump-stored',
  'bump-sent',
  'bump-noted',
  'before-confirmed',
  'confirmed',
  'before-final',
  'final',
  'before-void',
  'void',
  'fees-booked',
] as const;
export type PayoutMoment = (typeof PAYOUT_MOMENTS)[number];

/** Addresses beyond the last used one that are watched: what is paid to the next batches’ change is seen at once. */
export const LOOKAHEAD = 20;
