/** The curve, given to the libraries that need it. Signatures draw no randomness: the same input gives the same bytes. */
import * as secp256k1 from '@bitcoinerlab/secp256k1';
import { BIP32Factory, type BIP32Interface } from 'bip32';
import { initEccLib } from 'bitcoinjs-lib';
import { ECPairFactory } from 'ecpair';

const NO_EXTRA_RANDOMNESS = new Uint8Array(32);

/** BIP-340 allows zeros where there is no randomness to add; the nonce still depends on key and message. */
export const curve = {
  ...secp256k1,
  signSchnorr: (hash: Uint8Array, key: Uint8Array, extra: Uint8Array = NO_EXTRA_RANDOMNESS): Uint8Array =>
    secp256k1.signSchnorr(hash, key, extra),
};

// Without it even the script of a taproot address cannot be made.
initEccLib(curve);

export const bip32 = BIP32Factory(curve);
export type ExtendedKey = BIP32Interface;

/** As far as it is used here. */
export interface KeyPair {
  /** Compressed, 33 bytes. */
  readonly publicKey: Uint8Array;
  /** Whether its ECDSA signatures are made with a small R, as Bitcoin Core makes them. */
  lowR: boolean;
  sign(digest: Uint8Array): Uint8Array;
  signSchnorr(digest: Uint8Array): Uint8Array;
  verify(digest: Uint8Array, signature: Uint8Array): boolean;
  verifySchnorr(digest: Uint8Array, signature: Uint8Array): boolean;
  /** As taproot tweaks keys (BIP-341). */
  tweak(by: Uint8Array): KeyPair;
}

interface KeyPairs {
  fromPrivateKey(key: Uint8Array): KeyPair;
  fromPublicKey(key: Uint8Array): KeyPair;
}

/** The declarations that it comes with name their files without extensions, so that TypeScript finds nothing of them. */
const makeKeyPairs = ECPairFactory as unknown as (ecc: typeof curve) => KeyPairs;

/**
 * Keys that sign and that verify. Strict: a signature with a high S is valid, but nodes do not relay it, so it counts as
 * wrong.
 */
export const keyPairs = makeKeyPairs({
  ...curve,
  verify: (hash, key, signature) => secp256k1.verify(hash, key, signature, true),
});
