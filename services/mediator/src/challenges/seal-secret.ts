/** Secrets of periods lie in the database sealed under a key that is not in it. AES-256-GCM, bound to the period. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Randomness } from '@holdfast/platform';
import { concatBytes, fail } from '@holdfast/protocol';

export interface SecretSeal {
  seal(secret: Uint8Array, startsAtMs: number): Uint8Array;
  /** @throws HoldfastError `codec.wrong-key` when it was sealed under another key or for another period */
  open(sealed: Uint8Array, startsAtMs: number): Uint8Array;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param key 32 secret bytes. */
export function createSecretSeal(key: Uint8Array, randomness: Randomness): SecretSeal {
  const boundTo = (startsAtMs: number): Uint8Array => Buffer.from(`holdfast period secret\0${startsAtMs}`);
  return {
    seal(secret, startsAtMs) {
      const nonce = randomness.bytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(startsAtMs));
      return concatBytes(nonce, cipher.update(secret), cipher.final(), cipher.getAuthTag());
    },
    open(sealed, startsAtMs) {
      try {
        const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, NONCE_BYTES), {
          authTagLength: TAG_BYTES,
        })
          .setAAD(boundTo(startsAtMs))
          .setAuthTag(sealed.subarray(-TAG_BYTES));
        return concatBytes(decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final());
      } catch (error) {
        throw fail('codec.wrong-key', { what: 'The secret of a period' }, error);
      }
    },
  };
}
