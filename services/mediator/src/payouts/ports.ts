/** What payouts need of a store and of a signer. Amounts are whole satoshi; hashes and scripts lower-case hex. */
import type { Outpoint } from '../rail/index.ts';

/** Open: `signed` (the ledger moved; maybe nobody has it yet), `broadcast` (a node took it), `confirmed` (in a block). */
export type PayoutState = 'signed' | 'broadcast' | 'confirmed' | 'final' | 'voided';

export type WithdrawalState = 'waiting' | 'paying' | 'paid' | 'voided' | 'cancelled';

/** Whom a payment is for. */
export type Owner =
  | { readonly kind: 'node'; readonly nodeNo: number; readonly nodeId: string }
  | {
      readonly kind: 'withdrawal';
      readonly withdrawalNo: number;
      readonly withdrawalId: string;
      readonly clientId: string;
    };

/** Somebody who could be paid now. */
export interface Candidate {
  readonly owner: Owner;
  readonly address: string;
  readonly script: string;
  /** Of a node: all that it has earned; of a withdrawal: what was asked for. */
  readonly dueSats: bigint;
  /** When the oldest part of it was earned, or when it was asked for. */
  readonly sinceMs: number;
  /** An admin allowed so much at once. */
  readonly approvedSats?: bigint;
  /** Of a withdrawal: what its client was paid within a day without an admin’s word. */
  readonly unaskedSats?: bigint;
}

export interface Payee {
  readonly owner: Owner;
  readonly address: string;
  readonly script: string;
  readonly grossSats: bigint;
  /** It receives the amount less this. */
  readonly feeShareSats: bigint;
}

export interface PayoutInput extends Outpoint {
  readonly sats: bigint;
  readonly address: string;
  readonly script: string;
}

export interface SignedTransaction {
  readonly replacementNo: number;
  readonly txid: string;
  /** Complete, hex. */
  readonly signed: string;
  readonly feeSats: bigint;
  readonly satPerKvb: bigint;
  readonly signedAtMs: number;
  readonly signedAtHeight: number;
  readonly broadcastAtMs?: number;
}

/** A batch as it is stored when its first transaction has been signed. */
export interface NewBatch {
  readonly batchId: string;
  readonly designated: Outpoint;
  readonly changeIndex: number;
  readonly inputs: readonly PayoutInput[];
  readonly payees: readonly Payee[];
  readonly transaction: Omit<SignedTransaction, 'replacementNo' | 'broadcastAtMs'>;
}

export interface OpenBatch {
  readonly batchNo: number;
  readonly batchId: string;
  readonly state: PayoutState;
  readonly designated: Outpoint;
  readonly changeIndex: number;
  readonly inputs: readonly PayoutInput[];
  readonly payees: readonly Payee[];
  /** Oldest first; at least one. */
  readonly transactions: readonly SignedTransaction[];
  readonly settledTxid?: string;
}

export interface Pause {
  readonly pausedBy: 'admin' | 'reconciliation';
  readonly reason: string;
  readonly pausedAtMs: number;
}

export interface PayoutAddress {
  readonly sequence: number;
  readonly address: string;
  readonly receivedAtMs: number;
  readonly effectiveAtMs: number;
}

export interface Withdrawal {
  readonly withdrawalNo: number;
  readonly withdrawalId: string;
  readonly clientId: string;
  readonly sequence: number;
  readonly address: string;
  readonly amountSats: bigint;
  readonly state: WithdrawalState;
  readonly requestedAtMs: number;
  readonly closedAtMs?: number;
  /** Once it is part of a batch. */
  readonly batchId?: string;
  readonly feeShareSats?: bigint;
  /** What pays it, once that is known to the network. */
  readonly txid?: string;
}

export interface NewWithdrawal {
  readonly withdrawalId: string;
  readonly clientId: string;
  readonly sequence: number;
  readonly address: string;
  readonly script: string;
  /** Everything that is available, in whole satoshi. */
  readonly amountSats: bigint | 'all';
  readonly token: string;
  /** Less than this is refused. */
  readonly leastSats: bigint;
  /** Of `all` no more is taken than this. */
  readonly mostSats?: bigint;
}

/** What an admin sees of a batch without its details. */
export interface BatchSummary {
  readonly batchNo: number;
  readonly batchId: string;
  readonly state: PayoutState;
  readonly payeeCount: number;
  readonly grossSats: bigint;
  readonly feeSats: bigint;
  readonly extraFeeSats: bigint;
  readonly plannedAtMs: number;
  readonly closedAtMs?: number;
  /** In the chain, or taken last by the network. */
  readonly txid: string;
}

export interface PayoutStep {
  readonly step: string;
  readonly happenedAtMs: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What one payee sees of a payment. */
export interface Payment {
  readonly batchId: string;
  readonly state: PayoutState;
  readonly address: string;
  readonly grossSats: bigint;
  readonly feeShareSats: bigint;
  readonly plannedAtMs: number;
  readonly txid: string;
}

export interface BatchDetail extends BatchSummary {
  readonly designated: Outpoint;
  readonly inputs: readonly PayoutInput[];
  readonly payees: readonly Payee[];
  readonly transactions: readonly SignedTransaction[];
  readonly steps: readonly PayoutStep[];
}

/** Every method that changes something is one transaction. */
export interface PayoutStore {
  /** Runs it unless another process does; false then. */
  asOnlyBuilder(run: () => Promise<void>): Promise<boolean>;

  candidates(nowMs: number): Promise<Candidate[]>;
  /**
   * Of the clients whose withdrawals wait, those with a credited deposit that has fewer confirmations than it needs, or a
   * recent one that nobody has looked at since the chain came to this tip.
   */
  unsureClients(tipHash: string): Promise<Set<string>>;
  /** Outputs that open batches spend. */
  takenInputs(): Promise<Outpoint[]>;
  nextChangeIndex(): Promise<number>;
  /** Those of these transactions that are no batch’s, and that no admin has booked. */
  unexplained(txids: readonly string[]): Promise<string[]>;
  /** When the first batch was begun: the hot wallet is older than that. */
  firstBegunAtMs(): Promise<number | undefined>;
  /** Whether a batch was begun from then on, and before that: not one of a clock that was ahead. */
  hasBegunBetween(sinceMs: number, beforeMs: number): Promise<boolean>;
  /** What batches that were begun since then pay altogether; void ones do not count. */
  paidSince(sinceMs: number): Promise<bigint>;

  /**
   * Stores the signed transaction and moves the money: all of it, or nothing.
   * @throws HoldfastError `payout.outdated` when a payee has less, or an output was taken meanwhile
   */
  begin(batch: NewBatch, nowMs: number): Promise<OpenBatch>;
  /** False when another replacement was stored meanwhile, or the batch is closed. */
  replace(
    batchNo: number,
    transaction: Omit<SignedTransaction, 'broadcastAtMs'>,
    inputs: readonly PayoutInput[],
    nowMs: number,
  ): Promise<boolean>;
  /** A node has it. */
  markBroadcast(batchNo: number, txid: string, nowMs: number): Promise<void>;
  /** In a block, or (`undefined`) not any more. */
  markConfirmed(batchNo: number, txid: string | undefined, nowMs: number): Promise<void>;
  /** Six deep: payees are paid. Once. */
  finish(batchNo: number, txid: string, nowMs: number): Promise<void>;
  /** A foreign transaction has the designated output, or what it was made from, six deep: the money goes back. Once. */
  void(batchNo: number, foreignTxid: string, nowMs: number): Promise<void>;
  /** For people: the same once until the batch is in another state, or has another transaction. */
  noteStep(batchNo: number, step: string, data: Readonly<Record<string, unknown>>, nowMs: number): Promise<void>;
  /** What replacements cost more than was shared out: from the commission, as soon as it suffices. */
  bookExtraFees(nowMs: number): Promise<void>;
  openBatches(): Promise<OpenBatch[]>;

  pauses(): Promise<Pause[]>;
  pause(pause: Pause): Promise<void>;
  resume(pausedBy: Pause['pausedBy']): Promise<void>;
  /** @throws HoldfastError `node.unknown`, `withdrawal.unknown` */
  approve(
    approval: { nodeId: string } | { withdrawalId: string },
    terms: { upToSats: bigint; approvedBy: string; note: string },
    nowMs: number,
  ): Promise<void>;

  listBatches(page: { before?: number; limit: number }): Promise<BatchSummary[]>;
  findBatch(batchId: string): Promise<BatchDetail | undefined>;
  /** Newest first. */
  paymentsToNode(nodeId: string, page: { limit: number }): Promise<Payment[]>;
}

export interface PayoutAddressStore {
  /** All that are in force or to come, newest first. */
  addresses(nodeId: string, nowMs: number): Promise<PayoutAddress[]>;
  /**
   * The first one counts at once, every other after the delay. The same message again changes nothing.
   * @throws HoldfastError `node.unknown`, `payout-address.outdated`
   */
  setAddress(
    address: { nodeId: string; sequence: number; address: string; script: string; token: string },
    delayMs: number,
    nowMs: number,
  ): Promise<PayoutAddress>;
}

export interface WithdrawalStore {
  /**
   * Takes the money out of what is available. The same message again returns what it came to.
   * @throws HoldfastError `money.insufficient`, `withdrawal.too-small`, `withdrawal.outdated`
   */
  request(withdrawal: NewWithdrawal, nowMs: number): Promise<Withdrawal>;
  /** Gives it back, as long as nothing is signed. @throws HoldfastError `withdrawal.unknown`, `withdrawal.under-way` */
  cancel(clientId: string, withdrawalId: string, nowMs: number): Promise<Withdrawal>;
  /** Newest first; of all clients without an id. */
  list(clientId: string | undefined, page: { before?: number; limit: number }): Promise<Withdrawal[]>;
  nextSequence(clientId: string): Promise<number>;
}

/** Holds the hot wallet's keys, or knows who does. Nothing secret is ever in what it returns or throws. */
export interface PayoutSigner {
  /**
   * Base64 PSBT in, the same with all signatures out; keys of addresses 0 to `lastIndex` are asked for.
   * @throws HoldfastError `payout.signer-failed`
   */
  sign(psbt: string, lastIndex: number): Promise<string>;
}
