import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  createSigningKey,
  fromBase64Url,
  grant,
  HoldfastError,
  openMessage,
  packCommit,
  receipt,
  type SigningContext,
  signMessage,
  toBase64Url,
  toHex,
  vaultHead,
} from './index.ts';

const mediator = createSigningKey(new Uint8Array(32).fill(1));
const client = createSigningKey(new Uint8Array(32).fill(2));
const context: SigningContext = { network: 'regtest', mediatorId: toHex(mediator.publicKey) };
const id = (byte: number, count = 32): string => byte.toString(16).padStart(2, '0').repeat(count);
const aGrant = {
  verb: 'put' as const,
  clientId: toHex(client.publicKey),
  holder: toHex(client.publicKey),
  nodeId: id(7),
  uploadId: id(8, 16),
  packIds: [id(9)],
  quotaBytes: 1 << 30,
  issuedAtMs: 1_700_000_000_000,
  expiresAtMs: 1_700_000_600_000,
};
const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof HoldfastError) return error.code;
    throw error;
  }
  return 'no error';
};

describe('signed messages', () => {
  const token = signMessage(grant, context, aGrant, mediator);

  test('open to what was signed', () => {
    expect(openMessage(grant, context, token)).toEqual(aGrant);
  });
  test('are refused under another network or mediator', () => {
    expect(codeOf(() => openMessage(grant, { ...context, network: 'mainnet' }, token))).toBe('message.wrong-context');
    expect(codeOf(() => openMessage(grant, { ...context, mediatorId: id(3) }, token))).toBe('message.wrong-context');
  });
  test('are refused as another type', () => {
    expect(codeOf(() => openMessage(receipt, context, token))).toBe('message.malformed');
  });
  test('are refused when another key signed', () => {
    expect(codeOf(() => openMessage(grant, context, signMessage(grant, context, aGrant, client)))).toBe(
      'message.bad-signature',
    );
  });
  test('are refused when any bit is flipped', () => {
    const bytes = fromBase64Url(token);
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const flipped = new Uint8Array(bytes);
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(codeOf(() => openMessage(grant, context, toBase64Url(flipped)))).toMatch(/^message\./);
      }),
      { numRuns: 300 },
    );
  });
  test('never crash the decoder', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(codeOf(() => openMessage(vaultHead, context, toBase64Url(bytes)))).toBe('message.malformed');
      }),
    );
    expect(codeOf(() => openMessage(packCommit, context, 'A'.repeat(10_000)))).toBe('message.malformed');
  });
  test('a list that claims more entries than its limit allocates nothing', () => {
    const bytes = fromBase64Url(token);
    const at = bytes.length - 64 - 24 - 32 - 4;
    bytes.set([0xff, 0xff, 0xff, 0xff], at);
    expect(codeOf(() => openMessage(grant, context, toBase64Url(bytes)))).toBe('message.malformed');
  });
});
