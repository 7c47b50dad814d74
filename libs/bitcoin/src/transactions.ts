/** Transactions as they stand in the chain, read from their bytes. */
import { fail } from '@holdfast/protocol';
import { Transaction } from 'bitcoinjs-lib';
import type { Outpoint } from './coins.ts';
import { scriptHex } from './scripts.ts';

export interface ReadTransaction {
  /** 64 hex digits, as shown. */
  readonly txid: string;
  readonly inputs: readonly Outpoint[];
  readonly outputs: readonly { readonly sats: bigint; readonly script: string }[];
  readonly weight: number;
  readonly vsize: number;
}

/** @throws HoldfastError `transaction.malformed` */
function parseTransaction(hex: string): Transaction {
  try {
    return Transaction.fromHex(hex.trim());
  } catch (error) {
    throw fail('transaction.malformed', { detail: String(error).slice(0, 120) });
  }
}

/** Hash as it stands in an input, as it is shown. */
const shownId = (hash: Uint8Array): string => scriptHex(hash.toReversed());

/** @param hex signed or unsigned. @throws HoldfastError `transaction.malformed` */
export function readTransaction(hex: string): ReadTransaction {
  const transaction = parseTransaction(hex);
  return {
    txid: transaction.getId(),
    inputs: transaction.ins.map(({ hash, index }) => ({ txid: shownId(hash), vout: index })),
    outputs: transaction.outs.map(({ value, script }) => ({ sats: value, script: scriptHex(script) })),
    weight: transaction.weight(),
    vsize: transaction.virtualSize(),
  };
}

/** @throws HoldfastError `transaction.malformed` */
export const transactionId = (hex: string): string => parseTransaction(hex).getId();
