import { readFileSync } from 'node:fs';
import { createDecipheriv, createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { fromHex } from '@holdfast/protocol';
import { argon2id } from '@noble/hashes/argon2.js';
import fc from 'fast-check';
import {
  changePassphrase,
  createWords,
  entropyFromWords,
  KEYSTORE_BYTES,
  openKeystore,
  sealKeystore,
  type Words,
} from './index.ts';

interface Vectors {
  valid: { name: string; file: string; passphrase: string; words: string }[];
  invalid: { reason: string; file: string; passphrase: string; code: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/keys-keystore.json', import.meta.url), 'utf8'),
) as Vectors;

const CHEAP = { memoryKib: 8, passes: 1, lanes: 1 };
let drawn = 0;
const randomness = {
  bytes: (count: number) => new Uint8Array(count).map((_, index) => (index * 31 + ++drawn * 17) & 0xff),
};
const words: Words = createWords(randomness);
const seal = (passphrase: string): Promise<Uint8Array> => sealKeystore({ words, passphrase, randomness, cost: CHEAP });

describe('golden vectors', () => {
  test.each(vectors.valid)('$name: opens', async (vector) => {
    expect(await openKeystore(fromHex(vector.file), vector.passphrase)).toBe(vector.words);
  });

  test.each(vectors.invalid)('$reason: $code', async (vector) => {
    await expect(openKeystore(fromHex(vector.file), vector.passphrase, '/some/keystore')).rejects.toMatchObject({
      code: vector.code,
    });
  });
});

test('what is sealed opens, only with its passphrase, and no two files are alike', async () => {
  const file = await seal('a passphrase');
  expect(file).toHaveLength(KEYSTORE_BYTES);
  expect(await openKeystore(file, 'a passphrase')).toBe(words);
  await expect(openKeystore(file, 'A passphrase')).rejects.toMatchObject({ code: 'keystore.wrong-passphrase' });
  expect(await seal('a passphrase')).not.toEqual(file);
});

test('the file does not hold the entropy', async () => {
  expect(Buffer.from(await seal('x')).includes(Buffer.from(entropyFromWords(words)))).toBe(false);
});

test.each([
  { memoryKib: 8, passes: 1, lanes: 1 },
  { memoryKib: 64, passes: 3, lanes: 4 },
])('another implementation of Argon2id opens the file: %j', async (cost) => {
  const file = Buffer.from(await sealKeystore({ words, passphrase: 'pässword', randomness, cost }));
  const parameters = { t: cost.passes, m: cost.memoryKib, p: cost.lanes, dkLen: 32 };
  const key = argon2id(Buffer.from('pässword', 'utf8'), file.subarray(19, 35), parameters);
  const decipher = createDecipheriv('aes-256-gcm', key, file.subarray(35, 47))
    .setAAD(file.subarray(0, 47))
    .setAuthTag(file.subarray(79, 95));
  const entropy = Buffer.concat([decipher.update(file.subarray(47, 79)), decipher.final()]);
  expect(new Uint8Array(entropy)).toEqual(entropyFromWords(words));
});

test('files are sealed at no less than the second recommended choice of RFC 9106', async () => {
  const file = Buffer.from(await sealKeystore({ words, passphrase: 'x', randomness }));
  expect(file.readUInt32BE(10)).toBeGreaterThanOrEqual(64 * 1024);
  expect(file.readUInt32BE(14)).toBeGreaterThanOrEqual(3);
  expect(file.readUInt8(18)).toBe(4);
});

test('changing the passphrase keeps the words and needs the old one', async () => {
  const file = await seal('old');
  const changed = await changePassphrase({ file, oldPassphrase: 'old', newPassphrase: 'new', randomness, cost: CHEAP });
  expect(await openKeystore(changed, 'new')).toBe(words);
  await expect(openKeystore(changed, 'old')).rejects.toMatchObject({ code: 'keystore.wrong-passphrase' });
  const wrong = changePassphrase({ file, oldPassphrase: 'odl', newPassphrase: 'new', randomness, cost: CHEAP });
  await expect(wrong).rejects.toMatchObject({ code: 'keystore.wrong-passphrase' });
  const empty = changePassphrase({ file, oldPassphrase: 'old', newPassphrase: '', randomness, cost: CHEAP });
  await expect(empty).rejects.toMatchObject({ code: 'passphrase.empty' });
});

test('costs out of bounds are not sealed either', async () => {
  for (const cost of [
    { ...CHEAP, memoryKib: 7 },
    { ...CHEAP, passes: 0 },
    { ...CHEAP, lanes: 17 },
    { ...CHEAP, memoryKib: 1_048_577 },
    { ...CHEAP, passes: 1.5 },
  ]) {
    await expect(sealKeystore({ words, passphrase: 'x', randomness, cost })).rejects.toMatchObject({
      code: 'codec.bad-argument',
    });
  }
});

describe('hostile files', () => {
  test('every single flipped bit is damage, not a wrong passphrase', async () => {
    const file = await seal('x');
    for (let bit = 0; bit < file.length * 8; bit++) {
      const copy = Uint8Array.from(file);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      await expect(openKeystore(copy, 'x')).rejects.toMatchObject({ code: 'keystore.damaged' });
    }
  });

  test('every truncation and any random bytes give a typed error', async () => {
    const file = await seal('x');
    for (let length = 0; length < file.length; length++) {
      await expect(openKeystore(file.subarray(0, length), 'x')).rejects.toMatchObject({ code: 'keystore.damaged' });
    }
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        await expect(openKeystore(bytes, 'x')).rejects.toMatchObject({ code: 'keystore.damaged' });
      }),
      { numRuns: 500 },
    );
    await expect(openKeystore(new Uint8Array(70_000), 'x')).rejects.toMatchObject({ code: 'keystore.damaged' });
  });

  test('changed headers with a right checksum never ask for more than the bounds', async () => {
    const file = Buffer.from(await seal('x')).subarray(0, KEYSTORE_BYTES - 32);
    // Large costs within the bounds would be computed for real: the property keeps to those that are refused or cheap.
    const memory = fc.oneof(fc.nat(256), fc.integer({ min: 1_048_577, max: 0xffffffff }));
    await fc.assert(
      fc.asyncProperty(
        memory,
        fc.oneof(fc.nat(4), fc.integer({ min: 65, max: 0xffffffff })),
        fc.nat(255),
        async (m, t, lanes) => {
          const body = Buffer.from(file);
          body.writeUInt32BE(m, 10);
          body.writeUInt32BE(t, 14);
          body.writeUInt8(lanes, 18);
          const bytes = Buffer.concat([body, createHash('sha256').update(body).digest()]);
          const isOriginal = m === CHEAP.memoryKib && t === CHEAP.passes && lanes === CHEAP.lanes;
          const isAllowed = m >= 8 * lanes && m <= 1_048_576 && t >= 1 && t <= 64 && lanes >= 1 && lanes <= 16;
          const outcome = await openKeystore(bytes, 'x').catch((error: { code?: string }) => error.code);
          expect(outcome).toBe(isOriginal ? words : isAllowed ? 'keystore.wrong-passphrase' : 'keystore.damaged');
        },
      ),
      { numRuns: 200 },
    );
  });
});
