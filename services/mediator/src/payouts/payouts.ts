/** What the rest of the mediator has of payouts; without a chain or a wallet there is everything but the work. */
import type { PublicWallet } from '@holdfast/bitcoin';
import type { Clock } from '@holdfast/platform';
import type { PaymentRail } from '../rail/index.ts';
import { leftToPay } from './build-batches.ts';
import { choosePayees, type WaitReason } from './choose-payees.ts';
import type { Owner, Pause, PayoutStore, Withdrawal } from './ports.ts';
import type { WithdrawalOptions } from './request-withdrawal.ts';
import type { PayoutRules } from './rules.ts';
import type { PayoutAddressOptions } from './set-payout-address.ts';

export interface Payouts {
  readonly store: PayoutStore;
  readonly rules: PayoutRules;
  readonly addresses: PayoutAddressOptions;
  readonly withdrawals: WithdrawalOptions;
  /** Absent: nothing is paid over the chain. */
  readonly work?: {
    readonly rail: PaymentRail;
    readonly wallet: PublicWallet;
    run(): Promise<void>;
  };
}

/** @throws HoldfastError `withdrawal.unknown`, `withdrawal.under-way` */
export const cancelWithdrawal = (
  { store, clock }: { store: WithdrawalOptions['store']; clock: Clock },
  clientId: string,
  withdrawalId: string,
): Promise<Withdrawal> => store.cancel(clientId, withdrawalId, clock.nowMs());

export interface PayoutStatus {
  readonly isEnabled: boolean;
  readonly pauses: readonly Pause[];
  readonly fundingAddress?: string;
  readonly satPerKvb?: bigint;
  /** `next`: paid with the next batch. */
  readonly waiting: readonly {
    readonly owner: Owner;
    readonly dueSats: bigint;
    readonly sinceMs: number;
    readonly reason: WaitReason | 'next';
  }[];
}

/** As the next round would decide now. @throws HoldfastError `rail.*` */
export async function readPayoutStatus({ store, rules, addresses, work }: Payouts): Promise<PayoutStatus> {
  const pauses = await store.pauses();
  if (work === undefined) return { isEnabled: false, pauses, waiting: [] };
  const nowMs = addresses.clock.nowMs();
  const { satPerKvb } = await work.rail.feeRate(rules.targetBlocks);
  const leftSats = await leftToPay({ store, rules }, nowMs);
  const terms = { satPerKvb, nowMs, ...(leftSats !== undefined && { leftSats }) };
  const { chosen, waiting } = choosePayees(await store.candidates(nowMs), rules, terms);
  const next = chosen.map(({ candidate }) => ({ candidate, reason: 'next' as const }));
  return {
    isEnabled: true,
    pauses,
    fundingAddress: work.wallet.addressAt('p2wpkh', 'receive', 0).address,
    satPerKvb,
    waiting: [...next, ...waiting].map(({ candidate: { owner, dueSats, sinceMs }, reason }) => ({
      owner,
      dueSats,
      sinceMs,
      reason,
    })),
  };
}
