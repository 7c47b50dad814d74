/** Bitcoin without a node: addresses, keys, payouts and their replacements, signatures. Pure; amounts are whole satoshi. */
export { addressOfScript, type BitcoinAddress, parseAddress } from './address.ts';
export {
  type Change,
  type Coin,
  type Outpoint,
  outpointKey,
  type Payee,
  type Payment,
  type PayoutTransaction,
  type UnsignedTransaction,
} from './coins.ts';
export { type DepositKey, parseDepositKey } from './deposit-key.ts';
export { descriptorChecksum, withChecksum } from './descriptor.ts';
export { finishTransaction, type SignedTransaction } from './finish-transaction.ts';
export { createHotWallet, type HotWallet } from './hot-wallet.ts';
export { bitcoinNetwork, type BitcoinNetwork } from './networks.ts';
export { bitcoinAmount, type PaymentLink, paymentLink } from './payment-link.ts';
export { type BumpPlan, type BumpRequest, planBump, type PreviousPayout } from './plan-bump.ts';
export { type ChildPlan, type ChildRequest, planChild } from './plan-child.ts';
export { MAX_STANDARD_WEIGHT, type PayoutPlan, type PayoutRequest, planPayout } from './plan-payout.ts';
export { openPublicWallet, type PublicWallet } from './public-wallet.ts';
export { dustSats, type OutputType, outputTypeOf } from './scripts.ts';
export { type ReadTransaction, readTransaction, transactionId } from './transactions.ts';
export { type Branch, type WalletAddress, type WalletKind } from './wallet-keys.ts';
export { feeOf, inputWeight, outputWeight, transactionWeight, vsizeOf } from './weights.ts';
