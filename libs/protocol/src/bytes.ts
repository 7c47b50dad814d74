/** Small byte helpers that every part needs: hex and base64url both ways, joining, and comparing in constant time. */
import { timingSafeEqual } from 'node:crypto';
import { fail } from './errors.ts';

export const toHex = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');

/** @throws HoldfastError `input.not-hex` unless `text` is lower-case hex (of `lengthBytes`, where given). */
export function fromHex(text: string, lengthBytes?: number): Uint8Array {
  if (!/^(?:[0-9a-f]{2})*$/.test(text) || (lengthBytes !== undefined && text.length !== 2 * lengthBytes)) {
    throw fail('input.not-hex', { expected: lengthBytes === undefined ? 'hex' : `${2 * lengthBytes} hex digits` });
  }
  return new Uint8Array(Buffer.from(text, 'hex'));
}

export const toBase64Url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url');

/** @throws HoldfastError `input.not-base64url` unless `text` is canonical, unpadded base64url. */
export function fromBase64Url(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw fail('input.not-base64url');
  return new Uint8Array(bytes);
}

export const concatBytes = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** Compares in constant time; different lengths are different. */
export const equalBytes = (a: Uint8Array, b: Uint8Array): boolean => a.length === b.length && timingSafeEqual(a, b);
