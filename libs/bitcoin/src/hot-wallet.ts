/** The hot wallet: keys in memory that sign payouts. Nothing of it reaches a text, a log or an error. */
import { fail, type Network } from '@holdfast/protocol';
import type { PublicWallet } from './public-wallet.ts';

export interface HotWallet extends PublicWallet {
  /**
   * Signs every input that is the wallet's, as far as addresses 0 to `lastIndex` go; returns the PSBT in base64.
   * @throws HoldfastError `transaction.malformed`; `transaction.not-signed` when an input is not the wallet's
   */
  sign(psbt: string, lastIndex: number): string;
}

/** @param secret a BIP-39 or other seed of 16 to 64 bytes, or a master xprv or tprv. @throws HoldfastError `wallet-key.malformed`, `.wrong-network`, `.unsupported` */
export function createHotWallet(_secret: Uint8Array | string, _network: Network): HotWallet {
  throw fail('wallet-key.malformed', { detail: 'not read yet' });
}
