/** Transactions as they stand in the chain. */
import { fail } from '@holdfast/protocol';
import type { Outpoint } from './coins.ts';

export interface ReadTransaction {
  readonly txid: string;
  readonly inputs: readonly Outpoint[];
  readonly outputs: readonly { readonly sats: bigint; readonly script: string }[];
  readonly weight: number;
  readonly vsize: number;
}

/** @throws HoldfastError `transaction.malformed` */
export function readTransaction(_hex: string): ReadTransaction {
  throw fail('transaction.malformed', { detail: 'not read yet' });
}

/** @throws HoldfastError `transaction.malformed` */
export const transactionId = (hex: string): string => readTransaction(hex).txid;
