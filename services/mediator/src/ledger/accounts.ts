/**
 * The chart of accounts, and which accounts each kind of transfer takes from and gives to. The database holds every
 * entry to this table (`ledger_rules`), so that no booking, by whatever hand, moves money along another way.
 */
export const ACCOUNT_KINDS = [
  // of a client
  'available',
  'hold',
  'upload',
  // of a node
  'earned',
  'withheld',
  'commission',
  // of the mediator
  'repair_reserve',
  'payouts_in_flight',
  'withdrawals_in_flight',
  'float',
  // the outside world
  'deposits',
  'admin_credits',
  'bad_debt',
  'payouts_paid',
  'withdrawals_paid',
  'network_fees',
  'capital',
] as const;
export type AccountKind = (typeof ACCOUNT_KINDS)[number];

export const TRANSFER_KINDS = [
  'credit',
  'deposit',
  'deposit_reversed',
  'debt_repaid',
  'reserve',
  'unreserve',
  'hold',
  'release_hold',
  'accrual',
  'void',
  'storage_time',
  'release_withheld',
  'repair_cost',
  'repair_paid',
  'payout',
  'payout_confirmed',
  'payout_voided',
  'withdrawal',
  'withdrawal_confirmed',
  'withdrawal_voided',
  'fee_bump',
  'funding',
  'funding_returned',
  'sweep_fee',
] as const;
export type TransferKind = (typeof TRANSFER_KINDS)[number];

export interface TransferRule {
  /** Accounts whose balance it lowers. */
  readonly from: readonly AccountKind[];
  /** Accounts whose balance it raises. */
  readonly to: readonly AccountKind[];
}

export const TRANSFER_RULES: Readonly<Record<TransferKind, TransferRule>> = {
  credit: { from: ['admin_credits'], to: ['available'] },
  deposit: { from: ['deposits'], to: ['available'] },
  deposit_reversed: { from: ['available', 'upload', 'hold', 'bad_debt'], to: ['deposits'] },
  debt_repaid: { from: ['available'], to: ['bad_debt'] },
  reserve: { from: ['available'], to: ['upload'] },
  unreserve: { from: ['upload'], to: ['available'] },
  hold: { from: ['upload', 'available'], to: ['hold'] },
  release_hold: { from: ['hold'], to: ['available'] },
  accrual: { from: ['hold'], to: ['earned', 'withheld', 'commission'] },
  void: { from: ['hold'], to: ['available'] },
  storage_time: { from: ['upload'], to: ['earned', 'commission'] },
  release_withheld: { from: ['withheld'], to: ['earned'] },
  repair_cost: { from: ['withheld'], to: ['repair_reserve'] },
  repair_paid: { from: ['repair_reserve'], to: ['earned', 'commission'] },
  payout: { from: ['earned'], to: ['payouts_in_flight'] },
  payout_confirmed: { from: ['payouts_in_flight'], to: ['payouts_paid', 'network_fees'] },
  payout_voided: { from: ['payouts_in_flight'], to: ['earned'] },
  withdrawal: { from: ['available'], to: ['withdrawals_in_flight'] },
  withdrawal_confirmed: { from: ['withdrawals_in_flight'], to: ['withdrawals_paid', 'network_fees'] },
  withdrawal_voided: { from: ['withdrawals_in_flight'], to: ['available'] },
  fee_bump: { from: ['commission'], to: ['network_fees'] },
  funding: { from: ['capital'], to: ['float'] },
  funding_returned: { from: ['float', 'commission'], to: ['capital'] },
  sweep_fee: { from: ['float', 'commission'], to: ['network_fees'] },
};
