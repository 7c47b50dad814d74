/** The settings of payouts: who signs, and how much may leave. */
import { invalidSetting } from '@holdfast/platform';
import type { PayoutSettings } from './options.ts';
import { payoutRules } from './payouts/index.ts';

const SATS_PER_BITCOIN = 100_000_000;

export const payoutSettings = {
  hotWalletSeedFile: {
    env: 'HOLDFAST_HOT_WALLET_SEED_FILE',
    type: 'path',
    default: null,
    help: 'Holds the seed of the hot wallet, 64 hex digits, readable by the mediator’s user only. Not set, and no signer: nothing is paid out.',
  },
  signerCommand: {
    env: 'HOLDFAST_SIGNER_COMMAND',
    type: 'string',
    default: null,
    help: 'Signs payouts instead of a seed file: takes a PSBT in base64 on its standard input and writes the signed one.',
  },
  signerTimeoutMs: {
    env: 'HOLDFAST_SIGNER_TIMEOUT',
    type: 'duration',
    default: 60_000,
    min: 1_000,
    help: 'How long a signer may take: a person with a device needs more than a program. Nothing else is paid meanwhile.',
  },
  hotWalletDescriptors: {
    env: 'HOLDFAST_HOT_WALLET_DESCRIPTORS',
    type: 'list',
    default: [],
    help: 'With a signer: the public descriptors of its wallet with their checksums, as the signer’s wallet shows them.',
  },
  hourlyLimitSats: {
    env: 'HOLDFAST_PAYOUT_LIMIT_SATS_PER_HOUR',
    type: 'int',
    default: null,
    min: 1,
    help: 'What leaves within any hour at most. Not set: no limit.',
  },
  dailyLimitSats: {
    env: 'HOLDFAST_PAYOUT_LIMIT_SATS_PER_DAY',
    type: 'int',
    default: null,
    min: 1,
    help: 'What leaves within any 24 hours at most. Not set: no limit.',
  },
  approvalSats: {
    env: 'HOLDFAST_PAYOUT_APPROVAL_SATS',
    type: 'int',
    default: null,
    min: 1,
    help: 'More than this at once to one node or client waits until an admin allows it. Not set: nothing waits.',
  },
  maxFeeRateSatPerVb: {
    env: 'HOLDFAST_MAX_FEE_RATE_SAT_PER_VB',
    type: 'int',
    default: Number(payoutRules().maxSatPerKvb / 1_000n),
    min: 1,
    max: SATS_PER_BITCOIN / 10_000,
    help: 'Above it nothing is paid out and nothing is bumped.',
  },
  payoutAddressDelayMs: {
    env: 'HOLDFAST_PAYOUT_ADDRESS_DELAY',
    type: 'duration',
    default: payoutRules().addressDelayMs,
    min: 0,
    help: 'After so long a change of a node’s payout address takes effect; the first address counts at once.',
  },
} as const;

interface PayoutConfig {
  readonly hotWalletSeedFile: string | null;
  readonly signerCommand: string | null;
  readonly signerTimeoutMs: number;
  readonly hotWalletDescriptors: readonly string[];
  readonly hourlyLimitSats: number | null;
  readonly dailyLimitSats: number | null;
  readonly approvalSats: number | null;
  readonly maxFeeRateSatPerVb: number;
  readonly payoutAddressDelayMs: number;
}

/** @throws PlatformError `config.invalid` for two signers, or one without descriptors */
export function toPayoutSettings(config: PayoutConfig): PayoutSettings {
  const { hotWalletSeedFile: seedFile, signerCommand, signerTimeoutMs, hotWalletDescriptors: descriptors } = config;
  if (seedFile !== null && signerCommand !== null) {
    throw invalidSetting('HOLDFAST_HOT_WALLET_SEED_FILE and HOLDFAST_SIGNER_COMMAND are both set: one of them signs.');
  }
  if (signerCommand !== null && descriptors.length === 0) {
    throw invalidSetting('HOLDFAST_SIGNER_COMMAND needs the public descriptors in HOLDFAST_HOT_WALLET_DESCRIPTORS.');
  }
  const { hourlyLimitSats, dailyLimitSats, approvalSats } = config;
  return {
    ...(seedFile !== null && { hotWallet: { seedFile } }),
    ...(signerCommand !== null && { hotWallet: { signerCommand, signerTimeoutMs, descriptors } }),
    rules: {
      ...(hourlyLimitSats !== null && { hourlyLimitSats: BigInt(hourlyLimitSats) }),
      ...(dailyLimitSats !== null && { dailyLimitSats: BigInt(dailyLimitSats) }),
      ...(approvalSats !== null && { approvalSats: BigInt(approvalSats) }),
      maxSatPerKvb: BigInt(config.maxFeeRateSatPerVb) * 1_000n,
      addressDelayMs: config.payoutAddressDelayMs,
    },
  };
}
