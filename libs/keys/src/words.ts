/** The 24 words (BIP-39, English): made, checked as people write them, and turned into a seed. */
import { pbkdf2Sync } from 'node:crypto';
import { fail } from '@holdfast/protocol';
import { entropyToMnemonic, mnemonicToEntropy, validateMnemonic } from '@scure/bip39';
import { wordlist } from '@scure/bip39/wordlists/english.js';
import { nearestWord } from './nearest-word.ts';

/**
 * 24 words of the English list with a right checksum, in lower case, joined by single spaces. From `checkWords` or
 * `createWords`.
 */
export type Words = string & { readonly __brand: 'Words' };

/** Where fresh random bytes come from; `libs/platform`'s `Randomness` fits. */
export interface RandomSource {
  bytes(count: number): Uint8Array;
}

export const WORD_COUNT = 24;
export const ENTROPY_BYTES = 32;

/** Nobody's words are longer; a whole file given by mistake is not worth splitting. */
const LONGEST_TEXT = 4_096;
const UNKNOWN_WORDS_SHOWN = 3;
const KNOWN_WORDS = new Set(wordlist);

/** New words from 32 random bytes. */
export function createWords(randomness: RandomSource): Words {
  return wordsFromEntropy(randomness.bytes(ENTROPY_BYTES));
}

/** @param entropy 32 bytes; the words say the same and a checksum. */
export function wordsFromEntropy(entropy: Uint8Array): Words {
  if (entropy.length !== ENTROPY_BYTES) throw fail('codec.bad-argument', { detail: 'entropy that is not 32 bytes' });
  return entropyToMnemonic(entropy, wordlist) as Words;
}

/** The 32 bytes that the words stand for. */
export function entropyFromWords(words: Words): Uint8Array {
  return mnemonicToEntropy(words, wordlist);
}

/**
 * Reads words as a person writes them: any case, spaces, new lines, commas, numbering (`1. word`, `2) word`, `3 word`).
 * @throws HoldfastError `words.invalid`; its detail names unknown words by their place with the nearest known one, or a
 * wrong count, or says that the checksum is wrong.
 */
export function checkWords(text: string): Words {
  if (text.length > LONGEST_TEXT) throw invalid('this text is much longer than 24 words');
  const words = splitWords(text);
  const unknown = words.flatMap((word, index) => (KNOWN_WORDS.has(word) ? [] : [{ word, place: index + 1 }]));
  if (unknown.length > 0 && words.length <= 2 * WORD_COUNT) {
    const more = unknown.length - UNKNOWN_WORDS_SHOWN;
    const shown = unknown.slice(0, UNKNOWN_WORDS_SHOWN).map(describeUnknown).join('; ');
    throw invalid(more > 0 ? `${shown}; and ${more} more` : shown);
  }
  if (words.length !== WORD_COUNT) {
    throw invalid(`there ${words.length === 1 ? 'is 1 word' : `are ${words.length} words`}, not ${WORD_COUNT}`);
  }
  const joined = words.join(' ');
  if (!validateMnemonic(joined, wordlist)) {
    throw invalid(
      'every word is in the list, but the checksum is wrong: one is not the right one, or two changed places',
    );
  }
  return joined as Words;
}

/** The 64-byte BIP-39 seed (PBKDF2-HMAC-SHA512, 2,048 rounds, empty passphrase); by node:crypto, as every command pays it. */
export function seedFromWords(words: Words): Uint8Array {
  return new Uint8Array(pbkdf2Sync(words, 'mnemonic', 2048, 64, 'sha512'));
}

function splitWords(text: string): string[] {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .split(/[\s,;]+/u)
    .map((part) => part.replace(/^\d+[.):]?/, ''))
    .filter((part) => part !== '');
}

function describeUnknown({ word, place }: { word: string; place: number }): string {
  const near = nearestWord(word, wordlist);
  const shown = word.length > 12 ? `${word.slice(0, 12)}…` : word;
  return `word ${place}, “${shown}”, is not in the list${near === undefined ? '' : `: did you mean “${near}”?`}`;
}

function invalid(detail: string): Error {
  return fail('words.invalid', { detail });
}
