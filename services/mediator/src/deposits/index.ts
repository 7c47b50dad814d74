/** Deposits: addresses, what came to them, what the chain took away again. */
export {
  confirmationsFor,
  decideStep,
  type DepositNow,
  type DepositRules,
  type DepositState,
  type Observation,
  type Step,
} from './decide-step.ts';
export { createDeposits, type CreateDepositsOptions, type DepositHandling, type Deposits } from './deposits.ts';
export { giveAddress } from './give-address.ts';
export { type AgreementCut, type HeldAgreement, planReversal, type ReversalPlan } from './plan-reversal.ts';
export * from './ports.ts';
export { createDepositWatch, type DepositsReport, type WatchDepositsOptions } from './watch-deposits.ts';
