/** Money on its way out: payouts of nodes, withdrawals of clients, and the batches that pay both. */
export type * from './ports.ts';
export type { WaitReason } from './choose-payees.ts';
export { type PayoutRules, payoutRules } from './rules.ts';
export { runPayouts } from './run-payouts.ts';
export { LOOKAHEAD, PAYOUT_MOMENTS, type PayoutMoment, type PayoutOptions } from './settings.ts';
export { type PayoutAddressOptions, setPayoutAddress } from './set-payout-address.ts';
export { requestWithdrawal, type WithdrawalOptions } from './request-withdrawal.ts';
export { cancelWithdrawal, type Payouts, type PayoutStatus, readPayoutStatus } from './payouts.ts';
