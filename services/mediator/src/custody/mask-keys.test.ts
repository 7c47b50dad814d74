import { expect, test } from '@jest/globals';
import { createSeededRandomness } from '@holdfast/platform';
import { toHex } from '@holdfast/protocol';
import { createMaskKeySeal } from './mask-keys.ts';

const randomness = createSeededRandomness('mask keys');
const [clientId, packId] = [toHex(randomness.bytes(32)), toHex(randomness.bytes(32))];
const maskKey = randomness.bytes(32);
const key = randomness.bytes(32);
const seal = createMaskKeySeal(key, randomness);
const refused = expect.objectContaining({ code: 'codec.wrong-key' }) as unknown as Error;

test('a mask key opens again, and is another sealed text each time', () => {
  const sealed = seal.seal(maskKey, clientId, packId);
  expect(sealed).toHaveLength(60);
  expect(seal.open(sealed, clientId, packId)).toEqual(maskKey);
  expect(seal.seal(maskKey, clientId, packId)).not.toEqual(sealed);
  expect(Buffer.from(sealed).includes(Buffer.from(maskKey))).toBe(false);
});

test('it opens under no other key, for no other pack or client, and not when a bit changed', () => {
  const sealed = seal.seal(maskKey, clientId, packId);
  const other = createMaskKeySeal(randomness.bytes(32), randomness);
  expect(() => other.open(sealed, clientId, packId)).toThrow(refused);
  expect(() => seal.open(sealed, clientId, clientId)).toThrow(refused);
  expect(() => seal.open(sealed, packId, packId)).toThrow(refused);
  for (let at = 0; at < sealed.length; at += 1) {
    expect(() => seal.open(sealed.with(at, sealed[at]! ^ 1), clientId, packId)).toThrow(refused);
  }
  expect(() => seal.open(sealed.subarray(0, 20), clientId, packId)).toThrow(refused);
});
