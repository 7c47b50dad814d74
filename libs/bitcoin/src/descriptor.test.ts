/** Checksums of descriptors: the vectors of BIP-380. */
import { expect, test } from '@jest/globals';
import { descriptorChecksum, withChecksum, withoutChecksum } from './descriptor.ts';
import { thrownBy, VECTORS } from './test-vectors.ts';

const { valid, invalid } = VECTORS.bip380;

test('a checksum as published', () => {
  const [descriptor = ''] = valid.split('#');
  expect(withChecksum(descriptor)).toBe(valid);
  expect(withoutChecksum(valid)).toBe(descriptor);
  expect(withoutChecksum(descriptor)).toBe(descriptor);
});

test.each(invalid)('refused: %s', (text) => {
  expect(thrownBy(() => withoutChecksum(text)).code).toBe('wallet-key.malformed');
});

test('every character counts, also where groups of three are not full', () => {
  const sums = new Set(['a', 'ab', 'abc', 'abcd', 'abcD', 'aBcd', 'abdc', ''].map(descriptorChecksum));
  expect(sums.size).toBe(8);
});
