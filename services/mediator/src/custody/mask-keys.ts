/** Mask keys of packs lie in the database sealed under a key that is not in it. AES-256-GCM, bound to client and pack. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Randomness } from '@holdfast/platform';
import { concatBytes, fail, fromHex } from '@holdfast/protocol';

export interface MaskKeySeal {
  /** @param maskKey 32 bytes. @returns 60 bytes: nonce ‖ ciphertext ‖ tag */
  seal(maskKey: Uint8Array, clientId: string, packId: string): Uint8Array;
  /** @throws HoldfastError `codec.wrong-key` when it was sealed under another key or for another pack */
  open(sealed: Uint8Array, clientId: string, packId: string): Uint8Array;
}

const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** @param key 32 secret bytes. */
export function createMaskKeySeal(key: Uint8Array, randomness: Randomness): MaskKeySeal {
  const boundTo = (clientId: string, packId: string): Uint8Array =>
    concatBytes(Buffer.from('holdfast mask key\0'), fromHex(clientId, 32), fromHex(packId, 32));
  return {
    seal(maskKey, clientId, packId) {
      const nonce = randomness.bytes(NONCE_BYTES);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(boundTo(clientId, packId));
      return concatBytes(nonce, cipher.update(maskKey), cipher.final(), cipher.getAuthTag());
    },
    open(sealed, clientId, packId) {
      try {
        const nonce = sealed.subarray(0, NONCE_BYTES);
        const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
          .setAAD(boundTo(clientId, packId))
          .setAuthTag(sealed.subarray(-TAG_BYTES));
        return concatBytes(decipher.update(sealed.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final());
      } catch (error) {
        throw fail('codec.wrong-key', { what: `The mask key of pack ${packId}` }, error);
      }
    },
  };
}
