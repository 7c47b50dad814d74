/**
 * From the seed to every key of a client: HKDF-SHA256 (RFC 5869), one label per purpose, so that no key tells of
 * another.
 */
import { hkdfSync } from 'node:crypto';
import { createSigningKey, fail, type SigningKey } from '@holdfast/protocol';
import { seedFromWords, type Words } from './words.ts';

/** Everything secret that a client has, made again at any time from the 24 words. */
export interface ClientKeys {
  /** 32 bytes: the root of the packs' sealing keys. */
  readonly dataKey: Uint8Array;
  /** 32 bytes: keys the hash that names chunks. */
  readonly chunkIdKey: Uint8Array;
  /** 32 bytes: the root of the packs' mask keys. */
  readonly maskKey: Uint8Array;
  /** 32 bytes: makes the chunker's table, so that chunk borders tell outsiders nothing. */
  readonly gearKey: Uint8Array;
  /** 32 bytes: the seed of `identity`. */
  readonly identitySeed: Uint8Array;
  /** Ed25519. */
  readonly identity: SigningKey;
  /**
   * 64 bytes: the BIP-39 seed itself, from which BIP-32 and BIP-84 derive the refund wallet: any wallet opens it with
   * the same words.
   */
  readonly refundSeed: Uint8Array;
}

const KEY_BYTES = 32;
const SEED_BYTES = 64;

export const KEY_LABELS = {
  dataKey: 'holdfast/v1/data-key',
  chunkIdKey: 'holdfast/v1/chunk-id-key',
  maskKey: 'holdfast/v1/mask-key',
  gearKey: 'holdfast/v1/gear',
  identitySeed: 'holdfast/v1/identity',
} as const;

/** @param seed 64 bytes, from `seedFromWords`. */
export function deriveKeys(seed: Uint8Array): ClientKeys {
  if (seed.length !== SEED_BYTES) throw fail('codec.bad-argument', { detail: 'a seed that is not 64 bytes' });
  const derive = (label: string): Uint8Array =>
    new Uint8Array(hkdfSync('sha256', seed, new Uint8Array(0), label, KEY_BYTES));
  const identitySeed = derive(KEY_LABELS.identitySeed);
  return {
    dataKey: derive(KEY_LABELS.dataKey),
    chunkIdKey: derive(KEY_LABELS.chunkIdKey),
    maskKey: derive(KEY_LABELS.maskKey),
    gearKey: derive(KEY_LABELS.gearKey),
    identitySeed,
    identity: createSigningKey(identitySeed),
    refundSeed: seed,
  };
}

/** `deriveKeys(seedFromWords(words))`. */
export function keysFromWords(words: Words): ClientKeys {
  return deriveKeys(seedFromWords(words));
}
