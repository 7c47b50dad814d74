import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { toHex } from '@holdfast/protocol';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import fc from 'fast-check';
import { hkdf } from '@noble/hashes/hkdf.js';
import { pbkdf2 } from '@noble/hashes/pbkdf2.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { nearestWord } from './nearest-word.ts';
import {
  checkWords,
  createWords,
  deriveKeys,
  entropyFromWords,
  KEY_LABELS,
  keysFromWords,
  wordsFromEntropy,
} from './index.ts';

interface Vectors {
  valid: Record<'name' | 'entropy' | 'words' | 'seed' | 'identityPublicKey' | keyof typeof KEY_LABELS, string>[];
  tolerated: { name: string; text: string; words: string }[];
  invalid: { reason: string; text: string; detail: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../test/vectors/keys-derivation.json', import.meta.url), 'utf8'),
) as Vectors;

const anyEntropy = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('golden vectors', () => {
  test.each(vectors.valid)('words and keys of $name', (vector) => {
    const words = checkWords(vector.words);
    expect(toHex(entropyFromWords(words))).toBe(vector.entropy);
    expect(wordsFromEntropy(Uint8Array.from(Buffer.from(vector.entropy, 'hex')))).toBe(vector.words);
    const keys = keysFromWords(words);
    expect(toHex(keys.refundSeed)).toBe(vector.seed);
    expect(toHex(keys.identity.publicKey)).toBe(vector.identityPublicKey);
    for (const name of Object.keys(KEY_LABELS) as (keyof typeof KEY_LABELS)[]) {
      expect([name, toHex(keys[name])]).toEqual([name, vector[name]]);
    }
  });

  test.each(vectors.tolerated)('$name are accepted', ({ text, words }) => {
    expect(checkWords(text)).toBe(words);
  });

  test.each(vectors.invalid)('$reason: refused', ({ text, detail }) => {
    expect(() => checkWords(text)).toThrow(
      expect.objectContaining({ code: 'words.invalid', message: expect.stringContaining(detail) }),
    );
  });
});

describe('derivation', () => {
  test('another implementation of PBKDF2 and HKDF comes to the same keys', () => {
    const words = createWords({ bytes: (count) => new Uint8Array(count).fill(7) });
    const seed = pbkdf2(sha512, words, 'mnemonic', { c: 2048, dkLen: 64 });
    const keys = keysFromWords(words);
    expect(toHex(keys.refundSeed)).toBe(toHex(seed));
    for (const [name, label] of Object.entries(KEY_LABELS) as [keyof typeof KEY_LABELS, string][]) {
      expect(toHex(keys[name])).toBe(toHex(hkdf(sha256, seed, undefined, Buffer.from(label), 32)));
    }
  });

  test('no two keys are the same, and a seed has 64 bytes', () => {
    const keys = deriveKeys(new Uint8Array(64));
    const all = Object.keys(KEY_LABELS).map((name) => toHex(keys[name as keyof typeof KEY_LABELS]));
    expect(new Set(all).size).toBe(5);
    expect(() => deriveKeys(new Uint8Array(63))).toThrow(expect.objectContaining({ code: 'codec.bad-argument' }));
  });
});

describe('properties', () => {
  test('entropy survives the way through words, however they are written down', () => {
    fc.assert(
      fc.property(
        anyEntropy,
        fc.infiniteStream(fc.constantFrom(' ', '\n', ', ', '\t ', ' 7. ', ' 12) ')),
        fc.boolean(),
        (entropy, gaps, upper) => {
          const words = wordsFromEntropy(entropy);
          const text = words
            .split(' ')
            .map((word) => `${upper ? word.toUpperCase() : word}${gaps.next().value ?? ' '}`)
            .join('');
          expect(checkWords(text)).toBe(words);
          expect(entropyFromWords(checkWords(text))).toEqual(entropy);
        },
      ),
      { numRuns: 200 },
    );
  });

  test('one mistyped letter is found, and the right word is mostly suggested', () => {
    let suggested = 0;
    let unknown = 0;
    fc.assert(
      fc.property(
        anyEntropy,
        fc.nat(23),
        fc.nat(7),
        fc.constantFrom('q', 'x', 'z', 'j', 'k'),
        (entropy, place, at, letter) => {
          const words: string[] = wordsFromEntropy(entropy).split(' ');
          const right = words[place]!;
          const index = at % right.length;
          const wrong = right.slice(0, index) + letter + right.slice(index + 1);
          fc.pre(wrong !== right && !wordlist.includes(wrong));
          words[place] = wrong;
          unknown++;
          try {
            checkWords(words.join(' '));
            throw new Error('it was accepted');
          } catch (error) {
            expect(error).toMatchObject({
              code: 'words.invalid',
              message: expect.stringContaining(`word ${place + 1},`),
            });
            if ((error as Error).message.includes(`“${right}”`)) suggested++;
          }
        },
      ),
      { numRuns: 50 },
    );
    expect(suggested).toBeGreaterThan(unknown / 2);
  });

  test('any text is either 24 right words or a typed refusal', () => {
    const word = fc.oneof(fc.constantFrom(...wordlist), fc.string({ maxLength: 12 }), fc.constantFrom('1.', ',', '’'));
    fc.assert(
      fc.property(fc.array(word, { maxLength: 40 }), fc.string(), (parts, tail) => {
        try {
          expect(checkWords(`${parts.join(' ')}${tail}`).split(' ')).toHaveLength(24);
        } catch (error) {
          expect(error).toMatchObject({ code: 'words.invalid' });
        }
      }),
      { numRuns: 100 },
    );
  });
});

test.each([
  ['abandn', 'abandon'],
  ['abandonn', 'abandon'],
  ['baandon', 'abandon'],
  ['zo', undefined],
  ['zooo', 'zoo'],
  ['abandon', 'abandon'],
  ['qqqqqq', undefined],
])('nearest to %s is %s', (word, expected) => {
  expect(nearestWord(word, ['abandon', 'art', 'zoo'])).toBe(expected);
});
