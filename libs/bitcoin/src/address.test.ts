/** Addresses: the vectors of BIP-173 and BIP-350, and what typing errors do. */
import { describe, expect, test } from '@jest/globals';
import type { Network } from '@holdfast/protocol';
import { address as codec } from 'bitcoinjs-lib';
import fc from 'fast-check';
import { addressOfScript, parseAddress } from './address.ts';
import { dustSats, outputTypeOf } from './scripts.ts';
import { thrownBy, VECTORS } from './test-vectors.ts';

const NETWORKS: readonly Network[] = ['mainnet', 'testnet', 'signet', 'regtest'];
const hash = (bytes: number) =>
  fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((value) => Buffer.from(value).toString('hex'));

describe('addresses that can be paid', () => {
  test.each(VECTORS.validAddresses)('$type $address', ({ network, type, address, script }) => {
    expect(parseAddress(address, network)).toEqual({
      address: type === 'p2pkh' || type === 'p2sh' ? address : address.toLowerCase(),
      network,
      type,
      script,
      dustSats: dustSats(script),
    });
  });

  test('come back from their script, on every network', () => {
    const scripts = fc.oneof(
      hash(20).map((value) => `76a914${value}88ac`),
      hash(20).map((value) => `a914${value}87`),
      hash(20).map((value) => `0014${value}`),
      hash(32).map((value) => `0020${value}`),
    );
    fc.assert(
      fc.property(scripts, fc.constantFrom(...NETWORKS), (script, network) => {
        const address = addressOfScript(script, network) as string;
        expect(parseAddress(` ${address}\n`, network)).toMatchObject({ address, script, type: outputTypeOf(script) });
      }),
    );
  });

  test('what nodes call dust follows from the size of output and input', () => {
    // three times the bytes of the output and of the input that will spend it, as Bitcoin Core reckons
    const sizes = { p2pkh: 34 + 148, p2sh: 32 + 148, p2wpkh: 31 + 67, p2wsh: 43 + 67, p2tr: 43 + 67 };
    const scripts = [
      `76a914${'00'.repeat(20)}88ac`,
      `a914${'00'.repeat(20)}87`,
      `0014${'00'.repeat(20)}`,
      `0020${'00'.repeat(32)}`,
      `5120${'00'.repeat(32)}`,
    ];
    expect(scripts.map((script) => dustSats(script))).toEqual(Object.values(sizes).map((bytes) => BigInt(3 * bytes)));
  });
});

describe('addresses that are refused', () => {
  test.each(VECTORS.invalidAddresses)('$reason: $address', ({ address, says }) => {
    for (const network of NETWORKS) {
      const error = thrownBy(() => parseAddress(address, network));
      expect(error.code).toBe('address.malformed');
      expect(error.message).toContain(says);
    }
  });

  test.each(VECTORS.futureAddresses)('a witness version without rules: $address', ({ address, network }) => {
    expect(thrownBy(() => parseAddress(address, network)).code).toBe('address.unsupported');
  });

  test('of another network, and which one', () => {
    const found = (address: string, network: Network) => {
      const { code, params } = thrownBy(() => parseAddress(address, network));
      expect(code).toBe('address.wrong-network');
      expect(params['expected']).toBe(network);
      return params['found'];
    };
    const program = '00'.repeat(20);
    expect(found(addressOfScript(`0014${program}`, 'mainnet') as string, 'testnet')).toBe('mainnet');
    expect(found(addressOfScript(`0014${program}`, 'testnet') as string, 'mainnet')).toBe('testnet or signet');
    expect(found(addressOfScript(`0014${program}`, 'regtest') as string, 'signet')).toBe('regtest');
    expect(found('1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2', 'regtest')).toBe('mainnet');
    expect(found('mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn', 'mainnet')).toBe('testnet or signet or regtest');
    expect(found('2MzQwSSnBHWHqSAqtTVQ6v47XtaisrJa1Vc', 'mainnet')).toBe('testnet or signet or regtest');
  });

  test.each([
    ['nothing', '  ', 'empty'],
    ['a link', 'bitcoin:bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4?amount=1', 'link'],
    ['a key', 'KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d', 'length'],
    ['two addresses', '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2 1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2', 'characters'],
    ['very much', 'b'.repeat(10_000), 'long'],
    ['another coin', 'ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9', 'coin'],
  ])('%s', (_, text, says) => {
    const error = thrownBy(() => parseAddress(text, 'mainnet'));
    expect(error).toMatchObject({ code: 'address.malformed', message: expect.stringContaining(says) });
  });

  test('taproot to a key that is no point: nobody could spend it', () => {
    const program = new Uint8Array(32).fill(0x05, 31);
    expect(addressOfScript(`5120${Buffer.from(program).toString('hex')}`, 'mainnet')).toBeUndefined();
    const error = thrownBy(() => parseAddress(codec.toBech32(program, 1, 'bc'), 'mainnet'));
    expect(error).toMatchObject({ code: 'address.malformed', message: expect.stringContaining('no point') });
  });

  test('with any one character typed wrong, and never repeated', () => {
    const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz0lIO';
    fc.assert(
      fc.property(
        fc.constantFrom(...VECTORS.validAddresses),
        fc.nat(),
        fc.constantFrom(...alphabet.split('')),
        ({ address, network }, place, character) => {
          const at = place % address.length;
          fc.pre(address[at]?.toLowerCase() !== character.toLowerCase());
          const typed = address.slice(0, at) + character + address.slice(at + 1);
          const error = thrownBy(() => parseAddress(typed, network));
          expect(error.code).toBe('address.malformed');
          expect(JSON.stringify(error)).not.toContain(typed);
        },
      ),
      { numRuns: 300 },
    );
  });
});
