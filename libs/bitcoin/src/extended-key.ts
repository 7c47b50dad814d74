/** Extended keys as wallets show them (BIP-32, SLIP-132): told apart by their first four bytes. */
import { fail, type Network } from '@holdfast/protocol';
import bs58check from 'bs58check';
import { bip32, type ExtendedKey } from './curve.ts';
import { bitcoinNetwork } from './networks.ts';

type Script = 'any' | 'p2wpkh' | 'other';

interface KeyPrefix {
  readonly name: string;
  readonly isPrivate: boolean;
  readonly isMainnet: boolean;
  /** What SLIP-132 says that the key is for. */
  readonly script: Script;
}

const prefix = (name: string, isMainnet: boolean, script: Script, isPrivate = false): KeyPrefix => ({
  name,
  isPrivate,
  isMainnet,
  script,
});

const PREFIXES: Record<number, KeyPrefix> = {
  0x0488b21e: prefix('xpub', true, 'any'),
  0x049d7cb2: prefix('ypub', true, 'other'),
  0x04b24746: prefix('zpub', true, 'p2wpkh'),
  0x0295b43f: prefix('Ypub', true, 'other'),
  0x02aa7ed3: prefix('Zpub', true, 'other'),
  0x043587cf: prefix('tpub', false, 'any'),
  0x044a5262: prefix('upub', false, 'other'),
  0x045f1cf6: prefix('vpub', false, 'p2wpkh'),
  0x024289ef: prefix('Upub', false, 'other'),
  0x02575483: prefix('Vpub', false, 'other'),
  0x0488ade4: prefix('xprv', true, 'any', true),
  0x049d7878: prefix('yprv', true, 'other', true),
  0x04b2430c: prefix('zprv', true, 'p2wpkh', true),
  0x0295b005: prefix('Yprv', true, 'other', true),
  0x02aa7a99: prefix('Zprv', true, 'other', true),
  0x04358394: prefix('tprv', false, 'any', true),
  0x044a4e28: prefix('uprv', false, 'other', true),
  0x045f18bc: prefix('vprv', false, 'p2wpkh', true),
  0x024285b5: prefix('Uprv', false, 'other', true),
  0x02575048: prefix('Vprv', false, 'other', true),
};

const KEY_BYTES = 78;
/** From here on children need the private key. */
export const FIRST_HARDENED = 0x80000000;

/** What a text looks like when its checksum does not match; a private key must be refused as one all the same. */
export const looksPrivate = (text: string): boolean =>
  /^[xyztuv]prv/i.test(text) || /^[KL5c9][1-9A-HJ-NP-Za-km-z]{50,51}$/.test(text) || text.split(/\s+/).length >= 12;

/**
 * Reads an extended key, public or private, and says what SLIP-132 says of it. The text is never repeated in an error.
 * @throws HoldfastError `wallet-key.malformed`, `wallet-key.wrong-network`, `wallet-key.unsupported`
 */
export function readExtendedKey(text: string, network: Network): { key: ExtendedKey; kind: KeyPrefix } {
  const { params } = bitcoinNetwork(network);
  const bytes = decodeKey(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kind = PREFIXES[view.getUint32(0)];
  if (kind === undefined) throw fail('wallet-key.malformed', { detail: 'its first letters are those of no key' });
  if (kind.isMainnet !== (network === 'mainnet')) {
    const found = kind.isMainnet ? 'mainnet' : 'a test network';
    throw fail('wallet-key.wrong-network', { found, expected: network });
  }
  if (kind.script === 'other') {
    const detail = `${kind.name} keys are for other kinds of addresses (nested segwit or multisig)`;
    throw fail('wallet-key.unsupported', { detail });
  }
  view.setUint32(0, kind.isPrivate ? params.bip32.private : params.bip32.public);
  try {
    return { key: bip32.fromBase58(bs58check.encode(bytes), params), kind };
  } catch {
    throw fail('wallet-key.malformed', { detail: 'its checksum is right, but what it holds is no key' });
  }
}

/** @throws HoldfastError `wallet-key.unsupported` unless it is a number that an address can have: 0 to 2^31 − 1 */
export function requireIndex(index: number): void {
  if (Number.isInteger(index) && index >= 0 && index < FIRST_HARDENED) return;
  throw fail('wallet-key.unsupported', { detail: `there is no address number ${index}` });
}

function decodeKey(text: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = Uint8Array.from(bs58check.decode(text));
  } catch {
    throw fail('wallet-key.malformed', { detail: 'its checksum does not match' });
  }
  if (bytes.length !== KEY_BYTES) throw fail('wallet-key.malformed', { detail: 'its length is wrong' });
  return bytes;
}
