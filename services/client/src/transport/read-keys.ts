/**
 * Keys to read with, made for one answer of the mediator and then forgotten: no two nodes see the same one (unless there
 * are more nodes than keys), and none sees the client's own. See docs/market.md, "Retrieval checks".
 */
import type { Randomness } from '@holdfast/platform';
import {
  createSigningKey,
  readKeys,
  type SigningContext,
  type SigningKey,
  signMessage,
  toHex,
} from '@holdfast/protocol';

export interface ReadKeysOptions {
  readonly signing: SigningContext;
  /** The client's own. */
  readonly signingKey: SigningKey;
  readonly randomness: Randomness;
}

export interface ReadKeys {
  /** For the mediator. */
  readonly token: string;
  /** In the token's order. */
  readonly seeds: readonly Uint8Array[];
}

/** About as many nodes as a vault uses at a time; making a key takes some 0.2 ms. */
const KEY_COUNT = 24;

export function makeReadKeys({ signing, signingKey, randomness }: ReadKeysOptions, signedAtMs: number): ReadKeys {
  const seeds = Array.from({ length: KEY_COUNT }, () => Uint8Array.from(randomness.bytes(32)));
  const keys = seeds.map((seed) => toHex(createSigningKey(seed).publicKey));
  const body = { clientId: toHex(signingKey.publicKey), keys, signedAtMs };
  return { token: signMessage(readKeys, signing, body, signingKey), seeds };
}
