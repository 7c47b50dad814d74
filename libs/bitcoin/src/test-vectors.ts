/** The published vectors of the BIPs, and what tests of errors share. */
import { readFileSync } from 'node:fs';
import type { HoldfastError, Network } from '@holdfast/protocol';
import type { OutputType } from './scripts.ts';
import type { Branch } from './wallet-keys.ts';

interface Place {
  readonly branch: Branch;
  readonly index: number;
  readonly address: string;
}

export interface BipVectors {
  /** Hex, of the mnemonic that BIP-84 and BIP-86 use. */
  readonly seed: string;
  readonly bip84: {
    readonly accountPrivate: string;
    readonly accountPublic: string;
    readonly addresses: readonly (Place & { readonly publicKey: string })[];
  };
  readonly bip86: {
    readonly master: string;
    readonly accountPublic: string;
    readonly addresses: readonly (Place & { readonly internalKey: string; readonly script: string })[];
  };
  readonly validAddresses: readonly {
    readonly network: Network;
    readonly type: OutputType;
    readonly address: string;
    readonly script: string;
  }[];
  readonly futureAddresses: readonly { readonly network: Network; readonly address: string }[];
  readonly invalidAddresses: readonly { readonly address: string; readonly reason: string; readonly says: string }[];
  readonly bip380: { readonly valid: string; readonly invalid: readonly string[] };
  readonly bip341: {
    readonly internalPrivateKey: string;
    readonly internalPublicKey: string;
    readonly tweakedPrivateKey: string;
    readonly script: string;
    readonly address: string;
    readonly unsignedTransaction: string;
    readonly spent: readonly (readonly [script: string, sats: number])[];
    readonly signatures: readonly {
      readonly input: number;
      readonly hashType: number;
      readonly tweakedPrivateKey: string;
      readonly digest: string;
      readonly witness: string;
    }[];
  };
}

export const VECTORS = JSON.parse(
  readFileSync(new URL('../../../test/vectors/bitcoin-bips.json', import.meta.url), 'utf8'),
) as BipVectors;

/** What `action` throws; anything but an error of the catalogue fails the test. */
export function thrownBy(action: () => unknown): Pick<HoldfastError, 'code' | 'message' | 'next' | 'params'> {
  try {
    action();
  } catch (error) {
    const { code, message, next, params } = error as HoldfastError;
    return { code, message, next, params };
  }
  throw new Error('nothing was thrown');
}
