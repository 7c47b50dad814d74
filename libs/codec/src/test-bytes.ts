/** Deterministic bytes for tests and golden vectors. */
import { createCipheriv, createHash } from 'node:crypto';

/** The AES-256-CTR key stream (zero IV) under SHA-256(label): the same bytes in every language. */
export function streamOf(label: string, lengthBytes: number): Uint8Array {
  const key = createHash('sha256').update(label).digest();
  return new Uint8Array(createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(lengthBytes)));
}
