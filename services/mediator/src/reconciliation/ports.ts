/** What comparing ledger and chain needs of its store. Amounts on the chain are whole satoshi. */
import type { Outpoint, SeenOutput, Tip, WalletName } from '../rail/index.ts';

/** What a wallet of ours is made from, and how far of it is watched. */
export interface WatchedWallet {
  readonly name: WalletName;
  /** Ranged, with their checksums. */
  readonly descriptors: readonly { readonly descriptor: string; readonly lastIndex: number }[];
}

/** An output that a wallet of ours was seen to have. */
export interface WalletOutput extends Outpoint {
  readonly wallet: WalletName;
  readonly sats: bigint;
  /** What spends it, once that is too deep to change. */
  readonly spentBy?: string;
}

export interface BookedDeposit extends Outpoint {
  readonly sats: bigint;
  readonly state: 'seen' | 'credited' | 'reversed' | 'gone';
  /** Absent: nobody was given its address. */
  readonly clientId?: string;
}

/** One of the transactions that were signed for a batch. */
export interface BookedPayout {
  readonly txid: string;
  /** What leaves the wallets by it: payees and fee. */
  readonly outflowSats: bigint;
  /** `final`: this very transaction settled the batch; `beaten`: another one did, or the batch is void. */
  readonly state: 'open' | 'final' | 'beaten';
  /** Of the outflow: what the ledger has still to take from the commission. */
  readonly unbookedSats: bigint;
  /** Of what was paid out: what came straight back, because a payee named an address of the hot wallet as its own. */
  readonly returnedSats?: bigint;
}

/** Booked by a reconciliation: what an own transaction made the chain more, or (negative) less. */
export interface Movement {
  readonly txid: string;
  readonly sats: bigint;
}

/** Ledger and rows at one moment. */
export interface Books {
  /** Deposits and capital, less what was paid out and what fees cost: what the chain should hold. */
  readonly ledgerMsat: bigint;
  readonly deposits: readonly BookedDeposit[];
  readonly payouts: readonly BookedPayout[];
  readonly movements: readonly Movement[];
}

/** One transaction, output or rule, and what the chain has more by it than the ledger says. */
export interface Line {
  /** A transaction's id, an outpoint, or `ledger`. */
  readonly subject: string;
  readonly what: string;
  readonly sats: bigint;
}

export type MovementKind = 'funding' | 'sweep_fee' | 'funding_returned';

export interface Booking {
  readonly txid: string;
  readonly kind: MovementKind;
  /** Positive for `funding`, negative for the others. */
  readonly sats: bigint;
  readonly note?: string;
}

export interface Findings {
  readonly checkedAtMs: number;
  readonly tip: Tip;
  readonly chainSats: bigint;
  readonly ledgerMsat: bigint;
  readonly pending: readonly Line[];
  /** Empty: they agree to the satoshi. */
  readonly differences: readonly Line[];
}

export interface Reconciliation extends Findings {
  readonly number: number;
  readonly state: 'balanced' | 'differs' | 'resolved';
  readonly pendingSats: bigint;
  readonly resolution?: { readonly resolvedBy: string; readonly resolvedAtMs: number; readonly note: string };
}

/** Every method that changes something is one transaction. */
export interface ReconciliationStore {
  /** Runs it unless another process does just now; undefined then. */
  alone<T>(work: () => Promise<T>): Promise<T | undefined>;
  cursor(wallet: WalletName): Promise<string | undefined>;
  noteOutputs(
    wallet: WalletName,
    seen: readonly SeenOutput[],
    gone: readonly Outpoint[],
    cursor: string,
  ): Promise<void>;
  outputs(): Promise<WalletOutput[]>;
  /** These spends will not change any more. */
  noteSpent(spent: readonly (Outpoint & { readonly spentBy: string })[]): Promise<void>;
  books(): Promise<Books>;
  /** False when there is not enough of the mediator's own money for it; nothing is booked then. */
  book(booking: Booking, nowMs: number): Promise<boolean>;
  /** Keeps it. A difference is told as an event, and stops payouts, in the same transaction. */
  note(findings: Findings): Promise<Reconciliation>;
  /** That one and those before it; undefined unless it differs. Lets payouts go on when no later one differs. */
  resolve(
    number: number,
    resolution: { readonly resolvedBy: string; readonly note: string },
    nowMs: number,
  ): Promise<Reconciliation | undefined>;
  newest(): Promise<Reconciliation | undefined>;
  find(number: number): Promise<Reconciliation | undefined>;
  /** Newest first. */
  list(page: { readonly before?: number; readonly limit: number }): Promise<Reconciliation[]>;
}
