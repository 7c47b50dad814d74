import { describe, expect, test } from '@jest/globals';
import { createWords, type Words } from '@holdfast/keys';
import { createSeededRandomness } from '@holdfast/platform';
import { readRecoverySheet, recoverySheet } from './recovery-sheet.ts';

const mediator = `holdfast://backup.example:7700#${'3f'.repeat(32)}`;
const vaultId = 'ab'.repeat(16);

const sheetOf = (words: Words): string =>
  recoverySheet({ words, mediator, vaultId, network: 'regtest', createdAtMs: Date.UTC(2026, 10, 21, 12) });

describe('the sheet', () => {
  test('has the date, the words in their order, the address, and the command to type', () => {
    const words = createWords(createSeededRandomness('sheet'));
    const sheet = sheetOf(words);
    expect(sheet.split('\n')[0]).toMatch(/^HOLDFAST RECOVERY SHEET +2026-11-21$/);
    const numbered = [...sheet.matchAll(/(\d{1,2})\. ([a-z]+)/g)].map(([, number, word]) => `${number} ${word}`);
    expect(numbered).toEqual(words.split(' ').map((word, index) => `${index + 1} ${word}`));
    expect(sheet).toContain(`holdfast recover --mediator '${mediator}'`);
    expect(sheet).toContain(vaultId);
  });

  test('fits a page: 86 columns but for the address, 40 lines', () => {
    const lines = sheetOf(createWords(createSeededRandomness('wide'))).split('\n');
    expect(Math.max(...lines.filter((line) => !line.includes(mediator)).map((line) => line.length))).toBeLessThan(87);
    expect(lines.length).toBeLessThan(40);
  });
});

describe('reading it again', () => {
  test('gives words and address back, for any words', () => {
    for (let seed = 0; seed < 200; seed += 1) {
      const words = createWords(createSeededRandomness(`words ${seed}`));
      expect(readRecoverySheet(sheetOf(words))).toEqual({ words, mediator });
    }
  });

  test('also after a mail program went over it', () => {
    const words = createWords(createSeededRandomness('mail'));
    const quoted = sheetOf(words)
      .split('\n')
      .map((line) => `> ${line}`)
      .join('\r\n');
    expect(readRecoverySheet(quoted)).toEqual({ words, mediator });
  });

  test('24 words alone have no address', () => {
    const words = createWords(createSeededRandomness('alone'));
    expect(readRecoverySheet(`  ${words.toUpperCase().replaceAll(' ', '\n')}\n`)).toEqual({ words });
  });

  test('words with the address below them', () => {
    const words = createWords(createSeededRandomness('both'));
    const text = words
      .split(' ')
      .map((word, index) => `${index + 1}. ${word}`)
      .join('\n');
    expect(readRecoverySheet(`${text}\n${mediator}\n`)).toEqual({ words, mediator });
  });

  test('words without numbers, and the address', () => {
    const words = createWords(createSeededRandomness('plain'));
    expect(readRecoverySheet(`${words}\n\n${mediator}\n`)).toEqual({ words, mediator });
  });

  test('a wrong word is named by its place', () => {
    const words = createWords(createSeededRandomness('typo'));
    const sheet = sheetOf(words).replace(/12\. [a-z]+/, '12. abandn');
    expect(() => readRecoverySheet(sheet)).toThrow(/word 12, “abandn”, is not in the list: did you mean “abandon”\?/);
  });

  test('a sheet of which a row is torn off', () => {
    const sheet = sheetOf(createWords(createSeededRandomness('torn'))).replace(/^ +9\..*\n/m, '');
    expect(() => readRecoverySheet(sheet)).toThrow('the sheet has no word number 9, 10, 11, 12');
  });
});
