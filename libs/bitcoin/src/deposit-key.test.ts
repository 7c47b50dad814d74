/** The deposit side: BIP-84's vectors, and every key that must not be taken for one. */
import { describe, expect, test } from '@jest/globals';
import type { Network } from '@holdfast/protocol';
import bs58check from 'bs58check';
import { bip32 } from './curve.ts';
import { parseDepositKey } from './deposit-key.ts';
import { bitcoinNetwork } from './networks.ts';
import { thrownBy, VECTORS } from './test-vectors.ts';

const { bip84, bip86, seed } = VECTORS;
const SEED = Buffer.from(seed, 'hex');

/** The same key under other first bytes (SLIP-132). */
function underPrefix(key: string, version: number): string {
  const bytes = Uint8Array.from(bs58check.decode(key));
  new DataView(bytes.buffer).setUint32(0, version);
  return bs58check.encode(bytes);
}

const master = (network: Network = 'mainnet') => bip32.fromSeed(SEED, bitcoinNetwork(network).params);
const below = (path: string, network: Network = 'mainnet') => master(network).derivePath(path);
const XPUB = below("m/84'/0'/0'").neutered().toBase58();
const TPUB = below("m/84'/1'/0'", 'testnet').neutered().toBase58();

describe('the public key of an account', () => {
  test.each([
    ['zpub', bip84.accountPublic],
    ['xpub', XPUB],
  ])('%s: addresses as BIP-84 publishes them', (_, text) => {
    const key = parseDepositKey(`\n ${text} `, 'mainnet');
    for (const { branch, index, address } of bip84.addresses) {
      if (branch === 'receive') expect(key.addressAt(index).address).toBe(address);
    }
    expect(key.addressAt(0).script).toBe('0014c0cebcd6c3d3ca8c75dc5ec62ebe55330ef910e2');
    expect(key.descriptor).toMatch(/^wpkh\(xpub6C[A-Za-z0-9]+\/0\/\*\)#[a-z0-9]{8}$/);
    expect(key.fingerprint).toMatch(/^[0-9a-f]{8}$/);
  });

  test.each([-1, 0.5, 2 ** 31, Number.NaN])('has no address number %p', (index) => {
    const error = thrownBy(() => parseDepositKey(XPUB, 'mainnet').addressAt(index));
    expect(error.code).toBe('wallet-key.unsupported');
  });

  test('of a test network: tpub and vpub are one key, and addresses follow the network', () => {
    const vpub = underPrefix(TPUB, 0x045f1cf6);
    expect(vpub.slice(0, 4)).toBe('vpub');
    for (const network of ['testnet', 'signet', 'regtest'] as const) {
      const key = parseDepositKey(vpub, network);
      expect(key.descriptor).toBe(parseDepositKey(TPUB, network).descriptor);
      expect(key.descriptor).toContain(TPUB);
      expect(key.addressAt(7).address.startsWith(network === 'regtest' ? 'bcrt1q' : 'tb1q')).toBe(true);
    }
  });
});

describe('keys that are refused', () => {
  test.each([
    ['zprv', bip84.accountPrivate],
    ['xprv', bip86.master],
    ['a zprv that was copied badly', `${bip84.accountPrivate.slice(0, -1)}x`],
    ['tprv of another network', master('testnet').toBase58()],
    ['a single key', 'KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d'],
    ['words', `${'abandon '.repeat(11)}about`],
  ])('private: %s, and not a letter of it is repeated', (_, text) => {
    const error = thrownBy(() => parseDepositKey(text, 'mainnet'));
    expect(error.code).toBe('wallet-key.private');
    for (let at = 0; at + 8 <= text.length; at += 4)
      expect(JSON.stringify(error)).not.toContain(text.slice(at, at + 8));
  });

  test.each([
    ['ypub', underPrefix(XPUB, 0x049d7cb2), 'ypub'],
    ['Zpub', underPrefix(XPUB, 0x02aa7ed3), 'Zpub'],
    ['a master key', master().neutered().toBase58(), '0 steps'],
    ['a branch of an account', below("m/84'/0'/0'/0").neutered().toBase58(), '4 steps'],
    ['an account that is not hardened', below("m/84'/0'/0").neutered().toBase58(), 'hardened'],
  ])('of another kind: %s', (_, text, says) => {
    const error = thrownBy(() => parseDepositKey(text, 'mainnet'));
    expect(error).toMatchObject({ code: 'wallet-key.unsupported', message: expect.stringContaining(says) });
  });

  test('of another network, and which one', () => {
    expect(thrownBy(() => parseDepositKey(XPUB, 'regtest'))).toMatchObject({
      code: 'wallet-key.wrong-network',
      params: { found: 'mainnet', expected: 'regtest' },
    });
    expect(thrownBy(() => parseDepositKey(TPUB, 'mainnet')).params['found']).toBe('a test network');
  });

  test.each([
    ['a character too few', XPUB.slice(0, -1)],
    ['a wrong character', `${XPUB.slice(0, 40)}${XPUB[40] === 'a' ? 'b' : 'a'}${XPUB.slice(41)}`],
    ['an address', '1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2'],
    ['unknown first bytes', underPrefix(XPUB, 0x01020304)],
    ['a point that is none', bs58check.encode(Uint8Array.from([...bs58check.decode(XPUB)].fill(0xff, 46)))],
    ['nothing', ''],
  ])('malformed: %s', (_, text) => {
    expect(thrownBy(() => parseDepositKey(text, 'mainnet')).code).toBe('wallet-key.malformed');
  });
});
