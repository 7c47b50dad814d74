/** From a signed PSBT to the transaction that is broadcast; refuses what the signer should not have done. */
import { fail } from '@holdfast/protocol';

export interface SignedTransaction {
  readonly txid: string;
  /** Ready to be broadcast. */
  readonly hex: string;
  readonly weight: number;
  readonly vsize: number;
}

/**
 * @param planned the PSBT that was given to the signer, base64
 * @param signed what came back, base64
 * @throws HoldfastError `transaction.altered` unless it is the same transaction; `transaction.not-signed` unless every
 * signature is there and valid; `transaction.malformed`
 */
export function finishTransaction(_planned: string, _signed: string): SignedTransaction {
  throw fail('transaction.malformed', { detail: 'not read yet' });
}
