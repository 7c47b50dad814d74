/**
 * Sign-in nonces that need no memory until they are used: expiry ‖ random bytes ‖ MAC. So nobody can fill a table by asking
 * for them, and every process that has the key can check them.
 */
import { createHmac } from 'node:crypto';
import { equalBytes, fromHex, toHex } from '@holdfast/protocol';
import type { Randomness } from '@holdfast/platform';

export const NONCE_TTL_MS = 120_000;

const EXPIRY_BYTES = 6;
const RANDOM_BYTES = 10;
const MAC_BYTES = 16;

/** @param key 32 secret bytes. @returns 32 bytes as hex */
export function createNonce(key: Uint8Array, expiresAtMs: number, randomness: Randomness): string {
  const head = Buffer.alloc(EXPIRY_BYTES + RANDOM_BYTES);
  head.writeUIntBE(expiresAtMs, 0, EXPIRY_BYTES);
  head.set(randomness.bytes(RANDOM_BYTES), EXPIRY_BYTES);
  return toHex(Buffer.concat([head, mac(key, head)]));
}

/** When the nonce ends, if it is one of ours and has not ended; else undefined. */
export function checkNonce(key: Uint8Array, nonce: string, nowMs: number): number | undefined {
  const bytes = Buffer.from(fromHex(nonce, 32));
  const head = bytes.subarray(0, EXPIRY_BYTES + RANDOM_BYTES);
  if (!equalBytes(bytes.subarray(head.length), mac(key, head))) return undefined;
  const expiresAtMs = head.readUIntBE(0, EXPIRY_BYTES);
  return nowMs < expiresAtMs ? expiresAtMs : undefined;
}

const mac = (key: Uint8Array, head: Uint8Array): Uint8Array =>
  createHmac('sha256', key).update('holdfast sign-in nonce\0').update(head).digest().subarray(0, MAC_BYTES);
