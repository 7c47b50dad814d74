/** The deposit side: addresses from an extended public key (BIP-84). Nothing here can spend. */
import { fail, type Network } from '@holdfast/protocol';

export interface DepositKey {
  /** Of the account's key, 8 hex digits: tells keys apart in logs. */
  readonly fingerprint: string;
  /** `wpkh(xpub/0/*)#checksum`, for a watch-only wallet. */
  readonly descriptor: string;
  addressAt(index: number): { readonly address: string; readonly script: string };
}

/** @throws HoldfastError `wallet-key.malformed`, `.private`, `.wrong-network`, `.unsupported` */
export function parseDepositKey(_text: string, _network: Network): DepositKey {
  throw fail('wallet-key.malformed', { detail: 'not read yet' });
}
