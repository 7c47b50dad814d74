import { describe, expect, test } from '@jest/globals';
import { HoldfastError } from '@holdfast/protocol';
import { readByteCount, readTerms } from './terms.ts';

const codeOf = (work: () => unknown): string | undefined => {
  try {
    work();
  } catch (error) {
    return error instanceof HoldfastError ? error.code : String(error);
  }
  return undefined;
};

describe('terms', () => {
  test('nothing said is nothing wanted', () => expect(readTerms({})).toEqual({}));

  test('all that can be said', () => {
    expect(readTerms({ policy: '10+12', maxPrice: '40000', region: ['eu', 'us'], avoidOperator: ['carol'] })).toEqual({
      policy: { dataShards: 10, parityShards: 12 },
      maxPriceSatPerTbMonth: '40000',
      regions: ['eu', 'us'],
      avoidOperators: ['carol'],
    });
  });

  test.each(['4', '4+', '+4', '4-4', '4 + 4', '4+4+4', 'four+four', '1000+1000', ''])('%j is no policy', (policy) => {
    expect(codeOf(() => readTerms({ policy }))).toBe('client.bad-option');
  });

  test('less than twofold redundancy is refused', () => {
    expect(codeOf(() => readTerms({ policy: '4+3' }))).toBe('policy.redundancy-too-low');
  });

  test.each(['', '-1', '1.5', '1e3', '0x10', '99999999999999999999', '40,000'])('%j is no price', (maxPrice) => {
    expect(codeOf(() => readTerms({ maxPrice }))).toBe('client.bad-option');
  });
});

describe('sizes', () => {
  test.each([
    ['0', 0],
    ['12345', 12_345],
    ['500GB', 5e11],
    ['500 GB', 5e11],
    ['1.5tb', 1.5e12],
    ['2k', 2000],
    [' 3 MB ', 3e6],
    ['7B', 7],
  ])('%j', (text, count) => expect(readByteCount('--bytes', text)).toBe(count));

  test.each(['', 'GB', '-1', '1.2.3', '5 GiB', '1e9', '99999PB', 'many'])('%j is none', (text) => {
    expect(codeOf(() => readByteCount('--bytes', text))).toBe('client.bad-option');
  });
});
