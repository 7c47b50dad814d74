/** The accounts of the hot wallet and what derives from them: one derivation is dear (2 ms), so all of them are kept. */
import { fail, type Network, toHex } from '@holdfast/protocol';
import { crypto } from 'bitcoinjs-lib';
import { addressOfScript } from './address.ts';
import { curve, type ExtendedKey } from './curve.ts';
import { requireIndex } from './extended-key.ts';
import { bitcoinNetwork } from './networks.ts';
import { outputTypeOf } from './scripts.ts';

export type WalletKind = 'p2wpkh' | 'p2tr';
export type Branch = 'receive' | 'change';

export const BRANCHES: Record<Branch, 0 | 1> = { receive: 0, change: 1 };
/** BIP-84 and BIP-86. */
export const PURPOSES: Record<WalletKind, 84 | 86> = { p2wpkh: 84, p2tr: 86 };

/** Where an address stands in the wallet. */
export interface Place {
  readonly kind: WalletKind;
  readonly branch: Branch;
  readonly index: number;
}

export interface WalletAddress extends Place {
  readonly address: string;
  /** Hex. */
  readonly script: string;
  /** From the seed: `m/84h/0h/0h/1/7`. */
  readonly path: string;
  /** Compressed, 33 bytes. */
  readonly publicKey: Uint8Array;
}

export interface Account {
  readonly kind: WalletKind;
  /** `84h/0h/0h`. */
  readonly path: string;
  /** Of the account, without private part. */
  readonly key: ExtendedKey;
}

/** Finds addresses by place and places by script. */
export class WalletKeys {
  readonly #network: Network;
  readonly #accounts: ReadonlyMap<WalletKind, Account>;
  readonly #branches = new Map<string, ExtendedKey>();
  readonly #byPlace = new Map<string, WalletAddress>();
  readonly #byScript = new Map<string, WalletAddress>();

  constructor(network: Network, accounts: readonly Account[]) {
    this.#network = network;
    this.#accounts = new Map(accounts.map((account) => [account.kind, account]));
  }

  /** @throws HoldfastError `wallet-key.unsupported` when the wallet has no account of this kind */
  addressAt(kind: WalletKind, branch: Branch, index: number): WalletAddress {
    const place = `${kind}/${branch}/${index}`;
    const known = this.#byPlace.get(place);
    if (known !== undefined) return known;
    const made = this.#derive(kind, branch, index);
    this.#byPlace.set(place, made);
    this.#byScript.set(made.script, made);
    return made;
  }

  /** The newest first: what is unspent is mostly recent. */
  ownerOf(script: string, lastIndex: number): WalletAddress | undefined {
    const known = this.#byScript.get(script);
    if (known !== undefined) return known.index <= lastIndex ? known : undefined;
    const kind = outputTypeOf(script);
    if ((kind !== 'p2wpkh' && kind !== 'p2tr') || !this.#accounts.has(kind)) return undefined;
    for (let index = lastIndex; index >= 0; index--) {
      if (this.addressAt(kind, 'receive', index).script === script) return this.#byScript.get(script);
      if (this.addressAt(kind, 'change', index).script === script) return this.#byScript.get(script);
    }
    return undefined;
  }

  #derive(kind: WalletKind, branch: Branch, index: number): WalletAddress {
    const account = this.#accounts.get(kind);
    if (account === undefined) throw fail('wallet-key.unsupported', { detail: `the wallet has no ${kind} account` });
    requireIndex(index);
    const { publicKey } = this.#branch(account, branch).derive(index);
    const script = kind === 'p2wpkh' ? `0014${toHex(crypto.hash160(publicKey))}` : taprootScript(publicKey.subarray(1));
    return {
      kind,
      branch,
      index,
      address: addressOfScript(script, this.#network) as string,
      script,
      path: `m/${account.path}/${BRANCHES[branch]}/${index}`,
      publicKey,
    };
  }

  #branch(account: Account, branch: Branch): ExtendedKey {
    const name = `${account.kind}/${branch}`;
    const key = this.#branches.get(name) ?? account.key.derive(BRANCHES[branch]);
    this.#branches.set(name, key);
    return key;
  }
}

/** BIP-86: the output key commits to an empty script path. A point plus a hash of itself is at infinity for nobody. */
function taprootScript(internalKey: Uint8Array): string {
  const tweaked = curve.xOnlyPointAddTweak(internalKey, crypto.taggedHash('TapTweak', internalKey));
  return `5120${toHex((tweaked as { xOnlyPubkey: Uint8Array }).xOnlyPubkey)}`;
}

const PATH = /^m\/(84|86)['h]\/\d+['h]\/\d+['h]\/([01])\/(\d{1,9})$/;

/** Undefined: no path that a wallet of ours has. Coin and account are not looked at. */
export function placeOfPath(path: string): Place | undefined {
  const [, purpose, branch, index] = PATH.exec(path) ?? [];
  if (index === undefined) return undefined;
  return {
    kind: purpose === '86' ? 'p2tr' : 'p2wpkh',
    branch: branch === '1' ? 'change' : 'receive',
    index: Number(index),
  };
}

/** `84h/0h/0h`. */
export const accountPath = (kind: WalletKind, network: Network): string =>
  `${PURPOSES[kind]}h/${bitcoinNetwork(network).coinType}h/0h`;

export const fingerprintOf = (key: ExtendedKey): string => toHex(key.fingerprint);
