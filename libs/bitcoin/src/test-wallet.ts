/** A hot wallet with coins of its own, payees and a signer of another make, for tests of transactions. */
import type { Network } from '@holdfast/protocol';
import { crypto, Psbt } from 'bitcoinjs-lib';
import fc from 'fast-check';
import type { Coin, Payee } from './coins.ts';
import { bip32 } from './curve.ts';
import { finishTransaction, type SignedTransaction } from './finish-transaction.ts';
import { createHotWallet } from './hot-wallet.ts';
import { bitcoinNetwork } from './networks.ts';
import type { WalletKind } from './wallet-keys.ts';

const NETWORK: Network = 'regtest';
export const SEED = new Uint8Array(32).fill(7);
/** Coins lie on the addresses 0 to this one. */
export const LAST_INDEX = 3;
export const WALLET = createHotWallet(SEED, NETWORK);
export const CHANGE = WALLET.addressAt('p2wpkh', 'change', 0).script;

/** Made up, but always the same for a number. */
export const txidOf = (number: number): string => number.toString(16).padStart(64, '0');

export const coin = (number: number, sats: bigint, kind: WalletKind = 'p2wpkh', confirmations = 1): Coin => ({
  txid: txidOf(number),
  vout: number % 3,
  sats,
  script: WALLET.addressAt(kind, 'receive', number % (LAST_INDEX + 1)).script,
  confirmations,
});

const SCRIPTS = [
  `0014${'a1'.repeat(20)}`,
  `5120${'a2'.repeat(32)}`,
  `76a914${'a3'.repeat(20)}88ac`,
  `a914${'a4'.repeat(20)}87`,
  `0020${'a5'.repeat(32)}`,
] as const;

export const payee = (number: number, sats: bigint, script: string = SCRIPTS[0]): Payee => ({
  id: `node-${String(number).padStart(5, '0')}`,
  script,
  sats,
});

const kinds = fc.constantFrom<WalletKind>('p2wpkh', 'p2tr');

/** Coins of every size, some of them unconfirmed. */
export const coins = fc
  .array(fc.record({ sats: fc.bigInt(300n, 3_000_000n), kind: kinds, confirmations: fc.nat(2) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((list) => list.map(({ sats, kind, confirmations }, index) => coin(index + 1, sats, kind, confirmations)));

export const payees = fc
  .array(fc.record({ sats: fc.bigInt(1n, 400_000n), script: fc.constantFrom(...SCRIPTS) }), {
    minLength: 1,
    maxLength: 12,
  })
  .map((list) => list.map(({ sats, script }, index) => payee(index, sats, script)));

export const rates = fc.bigInt(1000n, 60_000n);

export const sign = (psbt: string): SignedTransaction => finishTransaction(psbt, WALLET.sign(psbt, LAST_INDEX));

/**
 * What a signer with the same seed but other code gives back: it reads the keys' paths from the PSBT, and its
 * signatures may be longer.
 */
export function signElsewhere(psbt: string, seed: Uint8Array = SEED): Psbt {
  const signed = Psbt.fromBase64(WALLET.describe(psbt, LAST_INDEX));
  const master = bip32.fromSeed(seed, bitcoinNetwork(NETWORK).params);
  for (const [index, { bip32Derivation, tapBip32Derivation, tapInternalKey }] of signed.data.inputs.entries()) {
    const [origin] = bip32Derivation ?? tapBip32Derivation ?? [];
    const key = master.derivePath(origin?.path ?? '');
    if (tapInternalKey === undefined) signed.signInput(index, key);
    else signed.signInput(index, key.tweak(crypto.taggedHash('TapTweak', tapInternalKey)));
  }
  return signed;
}
