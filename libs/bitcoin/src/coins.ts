/** What transactions are made of: outputs to spend, payees, and a transaction that is ready to be signed. */

export interface Outpoint {
  /** 64 hex digits, as shown. */
  readonly txid: string;
  readonly vout: number;
}

/** An output that a wallet may spend. */
export interface Coin extends Outpoint {
  readonly sats: bigint;
  /** The output's script in hex: P2WPKH or P2TR. */
  readonly script: string;
  /** 0 in the mempool. */
  readonly confirmations: number;
}

export interface Payee {
  /** Unique within a batch. */
  readonly id: string;
  /** The output's script in hex. */
  readonly script: string;
  /** What is due, before the payee's share of the fee. */
  readonly sats: bigint;
}

export interface Payment extends Payee {
  /** Which output pays it: the same one in every replacement. */
  readonly vout: number;
  /** The payee's share of the first transaction's fee. */
  readonly feeShareSats: bigint;
  /** What arrives: `sats` less `feeShareSats`. */
  readonly receivedSats: bigint;
}

export interface Change {
  readonly vout: number;
  readonly sats: bigint;
  /** Hex. */
  readonly script: string;
}

/** A transaction to be signed. All inputs are segwit, so that its id is known before it is signed. */
export interface UnsignedTransaction {
  /** 64 hex digits, as shown. */
  readonly txid: string;
  /** BIP-174, base64; tells the keys when it was planned with a wallet. */
  readonly psbt: string;
  readonly inputs: readonly Coin[];
  /** The last output, where there is one. */
  readonly change?: Change;
  /** What the miners get: inputs less outputs. */
  readonly feeSats: bigint;
  /** An upper bound; what is signed is lighter by at most one unit per input. */
  readonly weight: number;
  /** Virtual bytes: `weight` / 4, rounded up. */
  readonly vsize: number;
}

export interface PayoutTransaction extends UnsignedTransaction {
  /** The input that this transaction and all its replacements spend, so that at most one of them confirms. */
  readonly designated: Outpoint;
  readonly payments: readonly Payment[];
  /** The part of the fee that no payee bears: the mediator's. */
  readonly mediatorFeeSats: bigint;
}

/** As shown by the chain's explorers: `txid:vout`. */
export const outpointKey = ({ txid, vout }: Outpoint): string => `${txid}:${vout}`;
