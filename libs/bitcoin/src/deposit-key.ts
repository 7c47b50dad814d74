/** The deposit side: addresses from an extended public key (BIP-84). Nothing here can spend. */
import { fail, type Network, toHex } from '@holdfast/protocol';
import { payments } from 'bitcoinjs-lib';
import type { ExtendedKey } from './curve.ts';
import { withChecksum } from './descriptor.ts';
import { FIRST_HARDENED, looksPrivate, readExtendedKey, requireIndex } from './extended-key.ts';
import { bitcoinNetwork } from './networks.ts';
import { scriptHex } from './scripts.ts';

export interface DepositKey {
  readonly network: Network;
  /** Of the account's key, 8 hex digits: tells keys apart in logs. */
  readonly fingerprint: string;
  /** `wpkh(xpub/0/*)#checksum`, for a watch-only wallet. */
  readonly descriptor: string;
  /** @param index 0 to 2^31 − 1. */
  addressAt(index: number): { readonly address: string; readonly script: string };
}

/** m / purpose / coin / account. */
const ACCOUNT_DEPTH = 3;
const RECEIVE = 0;

/**
 * Reads the extended public key of an account as wallets export it: xpub or zpub, on test networks tpub or vpub.
 * @throws HoldfastError `wallet-key.private`, loudly and without a letter of it; `wallet-key.malformed`,
 * `wallet-key.wrong-network`; `wallet-key.unsupported` for keys of other kinds of addresses or of another depth
 */
export function parseDepositKey(text: string, network: Network): DepositKey {
  const entered = text.trim();
  if (looksPrivate(entered)) throw fail('wallet-key.private');
  const { key, kind } = readExtendedKey(entered, network);
  if (kind.isPrivate) throw fail('wallet-key.private');
  requireAccount(key);
  const receive = key.derive(RECEIVE);
  const { params } = bitcoinNetwork(network);
  return {
    network,
    fingerprint: toHex(key.fingerprint),
    descriptor: withChecksum(`wpkh(${key.toBase58()}/${RECEIVE}/*)`),
    addressAt: (index) => {
      requireIndex(index);
      const { address, output } = payments.p2wpkh({ pubkey: receive.derive(index).publicKey, network: params });
      return { address: address as string, script: scriptHex(output as Uint8Array) };
    },
  };
}

function requireAccount(key: ExtendedKey): void {
  if (key.depth !== ACCOUNT_DEPTH) {
    const detail = `it stands ${key.depth} steps below the seed, and an account’s key stands ${ACCOUNT_DEPTH} below it`;
    throw fail('wallet-key.unsupported', { detail });
  }
  if (key.index < FIRST_HARDENED) throw fail('wallet-key.unsupported', { detail: 'its account is not hardened' });
}
