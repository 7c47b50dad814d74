/** AES-256-GCM (NIST SP 800-38D) under one key per pack, with counter nonces: what is sealed where can't be moved. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto';
import { releaseBuffer } from './release.ts';
import { checkKey, damaged, SEAL_OVERHEAD_BYTES } from './shapes.ts';

/** The first four bytes of a nonce say what is sealed, the other eight are a counter: no nonce is used twice. */
export const SEAL_DOMAINS = { frame: 0, table: 1, trailer: 2 } as const;
export type SealDomain = keyof typeof SEAL_DOMAINS;

const ALGORITHM = 'aes-256-gcm';
const NONCE_BYTES = 12;
/** More at once falls out of a core's cache. */
const PIECE_BYTES = 512 * 1024;

function nonceOf(domain: SealDomain, counter: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_BYTES);
  const view = new DataView(nonce.buffer);
  view.setUint32(0, SEAL_DOMAINS[domain]);
  view.setUint32(8, counter);
  return nonce;
}

/** Seals and opens the parts of one pack. */
export class PackSealer {
  readonly #key: KeyObject;

  /** @param key 32 bytes, from `packKey`. */
  constructor(key: Uint8Array) {
    checkKey('pack key', key);
    this.#key = createSecretKey(key);
  }

  /** Writes ciphertext and tag to `target` at `offset`; `plaintext.length + 16` bytes, which are returned as count. */
  seal(domain: SealDomain, counter: number, plaintext: Uint8Array, target: Uint8Array, offset: number): number {
    const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(domain, counter));
    for (let start = 0; start < plaintext.length; start += PIECE_BYTES) {
      const sealed = cipher.update(plaintext.subarray(start, start + PIECE_BYTES));
      target.set(sealed, offset + start);
      releaseBuffer(sealed);
    }
    cipher.final();
    target.set(cipher.getAuthTag(), offset + plaintext.length);
    return plaintext.length + SEAL_OVERHEAD_BYTES;
  }

  /**
   * The plaintext, in a buffer of its own, and only when the tag is right.
   * @throws HoldfastError `codec.damaged`
   */
  open(domain: SealDomain, counter: number, sealed: Uint8Array): Uint8Array {
    const what = domain === 'frame' ? `frame ${counter} of a pack` : `the ${domain} of a pack`;
    const length = sealed.length - SEAL_OVERHEAD_BYTES;
    if (length < 0) throw damaged(what, 'it is shorter than its tag');
    const cipher = createDecipheriv(ALGORITHM, this.#key, nonceOf(domain, counter));
    cipher.setAuthTag(sealed.subarray(length));
    const plaintext = openBody(cipher, sealed.subarray(0, length));
    try {
      cipher.final();
    } catch (error) {
      throw damaged(what, 'its tag does not match', error);
    }
    return plaintext;
  }
}

function openBody(cipher: { update(data: Uint8Array): Buffer }, body: Uint8Array): Uint8Array {
  if (body.length <= PIECE_BYTES) return cipher.update(body);
  const plaintext = Buffer.allocUnsafeSlow(body.length);
  for (let start = 0; start < body.length; start += PIECE_BYTES) {
    const opened = cipher.update(body.subarray(start, start + PIECE_BYTES));
    plaintext.set(opened, start);
    releaseBuffer(opened);
  }
  return plaintext;
}
