/** Payouts and withdrawals as the contract has them: amounts as text. */
import type { MediatorSchemas } from '@holdfast/http-api';
import type {
  BatchDetail,
  BatchSummary,
  Owner,
  Payment,
  PayoutAddress,
  PayoutStatus,
  Withdrawal,
} from '../payouts/index.ts';
import type { RailState } from '../rail/index.ts';

type Schemas = MediatorSchemas['schemas'];

export const showPayoutAddresses = (addresses: readonly PayoutAddress[]): Schemas['PayoutAddresses'] => ({
  addresses: addresses.map((address) => ({ ...address })),
  nextSequence: (addresses[0]?.sequence ?? 0) + 1,
});

export const showPayment = ({ grossSats, feeShareSats, ...payment }: Payment): Schemas['Payment'] => ({
  ...payment,
  grossSats: String(grossSats),
  feeShareSats: String(feeShareSats),
});

export const showWithdrawal = (withdrawal: Withdrawal): Schemas['Withdrawal'] => {
  const { amountSats, feeShareSats, batchId: _, ...rest } = withdrawal;
  return {
    ...rest,
    amountSats: String(amountSats),
    ...(feeShareSats !== undefined && { feeShareSats: String(feeShareSats) }),
  };
};

export const showBatch = (batch: BatchSummary): Schemas['Payout'] => ({
  batchNo: batch.batchNo,
  batchId: batch.batchId,
  state: batch.state,
  payeeCount: batch.payeeCount,
  grossSats: String(batch.grossSats),
  feeSats: String(batch.feeSats),
  extraFeeSats: String(batch.extraFeeSats),
  plannedAtMs: batch.plannedAtMs,
  ...(batch.closedAtMs !== undefined && { closedAtMs: batch.closedAtMs }),
  txid: batch.txid,
});

const showOwner = (owner: Owner) => ({
  kind: owner.kind,
  id: owner.kind === 'node' ? owner.nodeId : owner.withdrawalId,
});

export const showBatchDetail = (batch: BatchDetail): Schemas['PayoutDetail'] => ({
  ...showBatch(batch),
  designated: { ...batch.designated },
  payees: batch.payees.map(({ owner, address, grossSats, feeShareSats }) => ({
    ...showOwner(owner),
    address,
    grossSats: String(grossSats),
    feeShareSats: String(feeShareSats),
  })),
  transactions: batch.transactions.map(({ signed: _, feeSats, satPerKvb, signedAtHeight: __, ...rest }) => ({
    ...rest,
    feeSats: String(feeSats),
    satPerKvb: String(satPerKvb),
  })),
  steps: batch.steps.map(({ step, happenedAtMs, data }) => ({ step, happenedAtMs, data: { ...data } })),
});

function showRail(rail: RailState): NonNullable<Schemas['PayoutStatus']['rail']> {
  if ('detail' in rail) return { state: rail.state, detail: rail.detail };
  const progress = rail.state === 'syncing' ? { progress: rail.progress } : {};
  return { state: rail.state, height: rail.tip.height, ...progress };
}

export const showPayoutStatus = (status: PayoutStatus): Schemas['PayoutStatus'] => ({
  enabled: status.isEnabled,
  pauses: status.pauses.map((pause) => ({ ...pause })),
  ...(status.rail !== undefined && { rail: showRail(status.rail) }),
  ...(status.fundingAddress !== undefined && { fundingAddress: status.fundingAddress }),
  ...(status.satPerKvb !== undefined && { satPerKvb: String(status.satPerKvb) }),
  waiting: status.waiting.map(({ owner, dueSats, sinceMs, reason }) => ({
    ...showOwner(owner),
    dueSats: String(dueSats),
    sinceMs,
    reason,
  })),
});
