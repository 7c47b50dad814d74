/** The hot wallet: keys in memory that sign payouts. Nothing of them reaches a text, a log or an error. */
import { fail, type Network } from '@holdfast/protocol';
import { crypto, type Psbt, Transaction } from 'bitcoinjs-lib';
import { bip32, type ExtendedKey, type KeyPair, keyPairs } from './curve.ts';
import { readExtendedKey } from './extended-key.ts';
import { bitcoinNetwork } from './networks.ts';
import { readPsbt, spentScripts, toldPlace } from './psbt.ts';
import { type PublicWallet, publicWalletOf } from './public-wallet.ts';
import { accountPath, BRANCHES, fingerprintOf, type WalletAddress, type WalletKind } from './wallet-keys.ts';

export interface HotWallet extends PublicWallet {
  /**
   * Signs all inputs; returns the PSBT in base64. The same PSBT gives the same signatures.
   * @param psbt base64
   * @param lastIndex an input of an address beyond it is not the wallet's
   * @throws HoldfastError `transaction.malformed`; `transaction.not-signed` when an input is not the wallet's, or asks
   * for a signature that does not cover the whole transaction
   */
  sign(psbt: string, lastIndex: number): string;
}

const KINDS: readonly WalletKind[] = ['p2wpkh', 'p2tr'];

/**
 * @param secret a seed of 16 to 64 bytes (BIP-39's are 64), or a master key (xprv, on test networks tprv)
 * @throws HoldfastError `wallet-key.malformed`, `wallet-key.wrong-network`, `wallet-key.unsupported`
 */
export function createHotWallet(secret: Uint8Array | string, network: Network): HotWallet {
  const master = masterKey(secret, network);
  const secrets = new Map(KINDS.map((kind) => [kind, accountKey(master, accountPath(kind, network))]));
  const accounts = KINDS.map((kind) => ({
    kind,
    path: accountPath(kind, network),
    key: (secrets.get(kind) as ExtendedKey).neutered(),
  }));
  const wallet = publicWalletOf(network, fingerprintOf(master), accounts);
  // The keys live in this closure and nowhere else: whatever prints the wallet sees its public half.
  const keyOf = ({ kind, branch, index }: WalletAddress): KeyPair =>
    keyPairOf((secrets.get(kind) as ExtendedKey).derive(BRANCHES[branch]).derive(index));
  /** A PSBT that says where its keys are saves the search; that it is true shows in the script. */
  const ownerIn = (psbt: Psbt, index: number, script: string, lastIndex: number): WalletAddress | undefined => {
    const told = toldPlace(psbt, index);
    if (told === undefined || told.index > lastIndex) return wallet.ownerOf(script, lastIndex);
    const address = wallet.addressAt(told.kind, told.branch, told.index);
    return address.script === script ? address : wallet.ownerOf(script, lastIndex);
  };
  return {
    ...wallet,
    sign: (text, lastIndex) => {
      const psbt = readPsbt(text);
      for (const [index, script] of spentScripts(psbt).entries()) {
        const owner = ownerIn(psbt, index, script, lastIndex);
        if (owner === undefined) throw fail('transaction.not-signed', { detail: `input ${index} is not the wallet’s` });
        signInput(psbt, index, owner, keyOf(owner));
      }
      return psbt.toBase64();
    },
  };
}

function masterKey(secret: Uint8Array | string, network: Network): ExtendedKey {
  if (typeof secret !== 'string') {
    if (secret.length < 16 || secret.length > 64) {
      throw fail('wallet-key.malformed', { detail: 'a seed has 16 to 64 bytes' });
    }
    return bip32.fromSeed(secret, bitcoinNetwork(network).params);
  }
  const { key, kind } = readExtendedKey(secret.trim(), network);
  if (!kind.isPrivate) throw fail('wallet-key.unsupported', { detail: 'it is public, and the hot wallet has to sign' });
  if (key.depth !== 0) throw fail('wallet-key.unsupported', { detail: 'it is not a master key' });
  return key;
}

const accountKey = (master: ExtendedKey, path: string): ExtendedKey => master.derivePath(path.replaceAll('h', "'"));

/** Its ECDSA signatures have at most 71 bytes (a small R, as Bitcoin Core makes them): a quarter of a virtual byte less. */
function keyPairOf({ privateKey }: ExtendedKey): KeyPair {
  const pair = keyPairs.fromPrivateKey(privateKey as Uint8Array);
  pair.lowR = true;
  return pair;
}

function signInput(psbt: Psbt, index: number, { kind }: WalletAddress, pair: KeyPair): void {
  const { sighashType } = psbt.data.inputs[index] ?? {};
  const whole: number[] = kind === 'p2tr' ? [Transaction.SIGHASH_DEFAULT] : [Transaction.SIGHASH_ALL];
  if (sighashType !== undefined && !whole.includes(sighashType)) {
    throw fail('transaction.not-signed', { detail: `input ${index} asks for a signature of another kind` });
  }
  if (kind === 'p2wpkh') {
    psbt.signInput(index, pair);
    return;
  }
  const internalKey = pair.publicKey.subarray(1);
  if (psbt.data.inputs[index]?.tapInternalKey === undefined) psbt.updateInput(index, { tapInternalKey: internalKey });
  psbt.signInput(index, pair.tweak(crypto.taggedHash('TapTweak', internalKey)));
}
