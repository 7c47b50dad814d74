/** Payment links: the examples of BIP-21, and amounts without floating point. */
import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bitcoinAmount, paymentLink } from './payment-link.ts';
import { thrownBy } from './test-vectors.ts';

const address = '175tWpb8K1S7NmH4Zx6rewF9WQrcZv245W';

test.each([
  [{}, ''],
  [{ label: 'Luke-Jr' }, '?label=Luke-Jr'],
  [{ sats: 2_030_000_000n, label: 'Luke-Jr' }, '?amount=20.3&label=Luke-Jr'],
  [
    { sats: 5_000_000_000n, label: 'Luke-Jr', message: 'Donation for project xyz' },
    '?amount=50&label=Luke-Jr&message=Donation%20for%20project%20xyz',
  ],
  [{ sats: 1n }, '?amount=0.00000001'],
  [{ label: 'a=b&c?ü' }, '?label=a%3Db%26c%3F%C3%BC'],
])('%p', (fields, query) => {
  expect(paymentLink({ address, ...fields })).toBe(`bitcoin:${address}${query}`);
});

test('amounts are exact and short', () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 21_000_000n * 100_000_000n), (sats) => {
      const [whole = '', fraction = ''] = bitcoinAmount(sats).split('.');
      expect(BigInt(whole) * 100_000_000n + BigInt(fraction.padEnd(8, '0'))).toBe(sats);
      expect(fraction.endsWith('0')).toBe(false);
    }),
  );
});

test('nothing below zero', () => {
  expect(thrownBy(() => paymentLink({ address, sats: -1n })).code).toBe('transaction.bad-plan');
});
