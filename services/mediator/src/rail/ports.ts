/**
 * The road that money takes in and out: what deposits, payouts and reconciliation need of a chain. Amounts are whole
 * satoshi, transaction ids as everybody shows them. Only outputs of wallets that it was told to watch are seen.
 */
export interface Outpoint {
  /** 64 hex digits, as shown. */
  readonly txid: string;
  readonly vout: number;
}

export interface Tip {
  readonly height: number;
  readonly hash: string;
}

export type RailState =
  | { readonly state: 'ready'; readonly tip: Tip }
  /** Answers, but has not seen the newest blocks: nothing is credited, paid or judged meanwhile. */
  | { readonly state: 'syncing'; readonly tip: Tip; readonly progress: number }
  | { readonly state: 'away'; readonly detail: string }
  | { readonly state: 'wrong-network'; readonly detail: string };

/** `deposits`: watched by an extended public key. `payouts`: the hot wallet, whose keys a signer has. */
export type WalletName = 'deposits' | 'payouts';

export interface WatchOptions {
  /** Ranged public descriptors with their checksums. */
  readonly descriptors: readonly string[];
  /** Addresses 0 to this one are watched. */
  readonly lastIndex: number;
  /** Where the search for older outputs begins; absent: only what comes from now on. */
  readonly sinceMs?: number;
}

export interface SeenOutput extends Outpoint {
  readonly address: string;
  readonly sats: bigint;
  /** 0 in the mempool. */
  readonly confirmations: number;
  readonly blockHash?: string;
}

export interface Sightings {
  /** Outputs to the wallet in blocks after the cursor's, and in the mempool, in any order; some again. */
  readonly seen: readonly SeenOutput[];
  /** Outputs that a reorganisation or a conflicting transaction took out of chain and mempool; some again. */
  readonly gone: readonly Outpoint[];
  /** To go on from, opaque. */
  readonly cursor: string;
}

export interface UnspentOutput extends SeenOutput {
  /** Hex. */
  readonly script: string;
  /** Where its key comes from, as its descriptor says, with h: `f1d2a3b4/84h/0h/0h/1/7`. Absent: the descriptor does not. */
  readonly origin?: string;
}

export interface TransactionState {
  /** 0 in the mempool. */
  readonly confirmations: number;
  readonly blockHash?: string;
}

export interface Spender extends TransactionState {
  readonly txid: string;
}

/**
 * Every method but `state` may throw HoldfastError `rail.away` (not reached, too slow, or still starting; whether the node did
 * it is unknown), `rail.syncing` and `rail.wrong-network`; what reads a wallet also `rail.not-watched` until `watch` was
 * called for it, and `rail.unsuitable` for a node that lacks what is needed.
 */
export interface PaymentRail {
  state(): Promise<RailState>;
  /** Idempotent; a wider range replaces a narrower one. */
  watch(wallet: WalletName, options: WatchOptions): Promise<void>;
  /** Without a cursor: everything that the wallet has seen. */
  sightings(wallet: WalletName, cursor?: string): Promise<Sightings>;
  /** What of the wallet's outputs is unspent by chain and mempool, unconfirmed ones included. */
  unspent(wallet: WalletName): Promise<UnspentOutput[]>;
  /** Undefined: neither in the chain nor in the mempool. Of transactions that touch a watched wallet. */
  transaction(txid: string): Promise<TransactionState | undefined>;
  /** Which transaction spends an output of a watched wallet, as chain and mempool stand now. */
  spender(outpoint: Outpoint): Promise<Spender | undefined>;
  /**
   * The transaction of the chain that keeps this one out of it: both spend the same output, or this one spends what was
   * kept out. Of transactions that touch a watched wallet, as far back as they do; undefined: none that is known.
   */
  rival(txid: string): Promise<Spender | undefined>;
  /** As it stands in chain or mempool, hex. Of transactions that touch a watched wallet. */
  transactionHex(txid: string): Promise<string | undefined>;
  /**
   * Resolves when the node has it, now or before, also when it is mined already.
   * @throws HoldfastError `rail.rejected` with the node's reason: the node does not have it
   */
  broadcast(transactionHex: string): Promise<void>;
  /** Satoshi per 1,000 virtual bytes for a confirmation within so many blocks; the fallback where the node has no estimate. */
  feeRate(targetBlocks: number): Promise<{ readonly satPerKvb: bigint; readonly source: 'node' | 'fallback' }>;
  /** What the set of all unspent outputs holds under these descriptors, without any wallet: for the audit. */
  audit(descriptors: readonly { readonly descriptor: string; readonly lastIndex: number }[]): Promise<{
    readonly sats: bigint;
    readonly outputs: readonly (Outpoint & { readonly sats: bigint })[];
    readonly tip: Tip;
  }>;
}
