/** The public half of the hot wallet: its addresses and descriptors, and which key an output belongs to. */
import { fail, type Network } from '@holdfast/protocol';

export type WalletKind = 'p2wpkh' | 'p2tr';
export type Branch = 'receive' | 'change';

export interface WalletAddress {
  readonly kind: WalletKind;
  readonly branch: Branch;
  readonly index: number;
  readonly address: string;
  /** Hex. */
  readonly script: string;
  /** From the seed: `m/84h/0h/0h/1/7`. */
  readonly path: string;
}

export interface PublicWallet {
  readonly network: Network;
  /** Of the master key, 8 hex digits. */
  readonly fingerprint: string;
  /** BIP-84 and BIP-86, receive and change, with origin and checksum: four. */
  readonly publicDescriptors: readonly string[];
  addressAt(kind: WalletKind, branch: Branch, index: number): WalletAddress;
  /** Undefined: not the wallet's, as far as addresses 0 to `lastIndex` go. @param script hex. */
  ownerOf(script: string, lastIndex: number): WalletAddress | undefined;
  /** Writes into a PSBT which keys its inputs and its change belong to, for signers that ask for it. */
  describe(psbt: string, lastIndex: number): string;
}

/** @throws HoldfastError `wallet-key.malformed`, `.private`, `.wrong-network`, `.unsupported` */
export function openPublicWallet(_descriptors: readonly string[], _network: Network): PublicWallet {
  throw fail('wallet-key.malformed', { detail: 'not read yet' });
}
