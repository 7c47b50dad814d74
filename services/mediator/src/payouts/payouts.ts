/** What the rest of the mediator has of payouts; without a chain or a wallet there is everything but the work. */
import type { PublicWallet } from '@holdfast/bitcoin';
import type { Clock } from '@holdfast/platform';
import { HoldfastError } from '@holdfast/protocol';
import { type PaymentRail, type RailState, readRailState } from '../rail/index.ts';
import { choiceTerms } from './build-batches.ts';
import { choosePayees, type WaitReason } from './choose-payees.ts';
import type { Candidate, Owner, Pause, PayoutStore, Withdrawal } from './ports.ts';
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
  /** How the road to the chain is. */
  readonly rail?: RailState;
  readonly fundingAddress?: string;
  /** Absent while the chain does not answer. */
  readonly satPerKvb?: bigint;
  readonly waiting: readonly WaitingPayee[];
}

export interface WaitingPayee {
  readonly owner: Owner;
  readonly dueSats: bigint;
  readonly sinceMs: number;
  /** `next`: paid with the next batch; `chain`: nobody knows before the chain answers. */
  readonly reason: WaitReason | 'next' | 'chain';
}

/** As the next round would decide now; while the chain does not answer, everybody waits for that. */
export async function readPayoutStatus({ store, rules, addresses, work }: Payouts): Promise<PayoutStatus> {
  const pauses = await store.pauses();
  if (work === undefined) return { isEnabled: false, pauses, waiting: [] };
  const nowMs = addresses.clock.nowMs();
  const candidates = await store.candidates(nowMs);
  const { rail, satPerKvb } = await askRail(work.rail, rules);
  const found = { isEnabled: true, pauses, rail, fundingAddress: fundingAddressOf(work.wallet) };
  if (satPerKvb === undefined || rail.state !== 'ready') {
    return { ...found, waiting: candidates.map((candidate) => show(candidate, 'chain')) };
  }
  const terms = await choiceTerms({ store, rules }, { satPerKvb, nowMs, tip: rail.tip });
  const { chosen, waiting } = choosePayees(candidates, rules, terms);
  const next = chosen.map(({ candidate }) => show(candidate, 'next'));
  return {
    ...found,
    satPerKvb,
    waiting: [...next, ...waiting.map(({ candidate, reason }) => show(candidate, reason))],
  };
}

async function askRail(rail: PaymentRail, { targetBlocks }: PayoutRules) {
  const state = await readRailState(rail);
  if (state.state !== 'ready') return { rail: state };
  try {
    return { rail: state, satPerKvb: (await rail.feeRate(targetBlocks)).satPerKvb };
  } catch (error) {
    if (!(error instanceof HoldfastError) || !error.code.startsWith('rail.')) throw error;
    return { rail: { state: 'away', detail: error.message } satisfies RailState };
  }
}

const fundingAddressOf = (wallet: PublicWallet): string => wallet.addressAt('p2wpkh', 'receive', 0).address;

const show = ({ owner, dueSats, sinceMs }: Candidate, reason: WaitingPayee['reason']): WaitingPayee => ({
  owner,
  dueSats,
  sinceMs,
  reason,
});
