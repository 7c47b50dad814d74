/** The settings of deposits: which key addresses come from, and how deep a deposit must be. */
import { invalidSetting } from '@holdfast/platform';
import type { DepositSettings } from './options.ts';

export const depositSettings = {
  depositKey: {
    env: 'HOLDFAST_DEPOSIT_XPUB',
    type: 'string',
    default: null,
    help: 'Extended public key of a BIP-84 account (xpub or zpub, on test networks tpub or vpub): deposit addresses come from it. Not set: no deposits.',
  },
  depositConfirmations: {
    env: 'HOLDFAST_DEPOSIT_CONFIRMATIONS',
    type: 'int',
    default: 3,
    min: 1,
    max: 100,
    help: 'A deposit is credited when so many blocks confirm it.',
  },
  largeDepositSats: {
    env: 'HOLDFAST_LARGE_DEPOSIT_SATS',
    type: 'int',
    default: null,
    min: 1,
    help: 'A client with so much on its way waits for more confirmations. Not set: all deposits are alike.',
  },
  largeDepositConfirmations: {
    env: 'HOLDFAST_LARGE_DEPOSIT_CONFIRMATIONS',
    type: 'int',
    default: 6,
    min: 1,
    max: 100,
    help: 'For so many.',
  },
  depositFirstIndex: {
    env: 'HOLDFAST_DEPOSIT_FIRST_INDEX',
    type: 'int',
    default: null,
    min: 0,
    max: 1_000_000_000,
    help: 'No address below it is given to anybody: set it above the last one that was given when the database is restored from a copy.',
  },
} as const;

interface DepositConfig {
  readonly depositKey: string | null;
  readonly depositConfirmations: number;
  readonly largeDepositSats: number | null;
  readonly largeDepositConfirmations: number;
  readonly depositFirstIndex: number | null;
}

/** @throws PlatformError `config.invalid` where large deposits would need fewer confirmations than small ones */
export function toDepositSettings(config: DepositConfig): DepositSettings | undefined {
  const { depositKey: key, depositConfirmations: confirmations, largeDepositSats, depositFirstIndex } = config;
  if (key === null) return undefined;
  if (largeDepositSats !== null && config.largeDepositConfirmations < confirmations) {
    throw invalidSetting(
      `HOLDFAST_LARGE_DEPOSIT_CONFIRMATIONS is below HOLDFAST_DEPOSIT_CONFIRMATIONS (${confirmations}).`,
    );
  }
  const large = largeDepositSats !== null && {
    large: { sats: BigInt(largeDepositSats), confirmations: config.largeDepositConfirmations },
  };
  return {
    key,
    rules: { confirmations, ...large },
    ...(depositFirstIndex !== null && { firstIndex: depositFirstIndex }),
  };
}
