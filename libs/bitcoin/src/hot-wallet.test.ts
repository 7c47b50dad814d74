/** The hot wallet: addresses as BIP-84 and BIP-86 publish them, and a secret that stays one. */
import { inspect } from 'node:util';
import { describe, expect, test } from '@jest/globals';
import { fromHex, toHex } from '@holdfast/protocol';
import { Psbt, Transaction } from 'bitcoinjs-lib';
import { bip32 } from './curve.ts';
import { descriptorChecksum } from './descriptor.ts';
import { createHotWallet } from './hot-wallet.ts';
import { bitcoinNetwork } from './networks.ts';
import { planPayout } from './plan-payout.ts';
import { openPublicWallet } from './public-wallet.ts';
import { thrownBy, VECTORS } from './test-vectors.ts';
import { CHANGE, coin, LAST_INDEX, payee, WALLET } from './test-wallet.ts';

const { seed, bip84, bip86 } = VECTORS;
const published = createHotWallet(fromHex(seed), 'mainnet');

const unsigned = (): string => {
  const coins = [coin(1, 90_000n), coin(2, 80_000n, 'p2tr')];
  const plan = planPayout({ coins, payees: [payee(1, 150_000n)], satPerKvb: 2000n, changeScript: CHANGE });
  return plan.outcome === 'planned' ? plan.transaction.psbt : '';
};

describe('addresses as published', () => {
  test('BIP-84', () => {
    for (const { branch, index, address, publicKey } of bip84.addresses) {
      const made = published.addressAt('p2wpkh', branch, index);
      expect(made.address).toBe(address);
      expect(toHex(made.publicKey)).toBe(publicKey);
      expect(made.path).toBe(`m/84h/0h/0h/${branch === 'receive' ? 0 : 1}/${index}`);
    }
  });

  test('BIP-86', () => {
    for (const { branch, index, address, script, internalKey } of bip86.addresses) {
      const made = published.addressAt('p2tr', branch, index);
      expect(made).toMatchObject({ address, script });
      expect(toHex(made.publicKey.subarray(1))).toBe(internalKey);
    }
    expect(published.publicDescriptors[2]).toContain(bip86.accountPublic);
  });

  test('the same wallet from the seed and from its master key', () => {
    expect(createHotWallet(` ${bip86.master}\n`, 'mainnet').publicDescriptors).toEqual(published.publicDescriptors);
  });

  test('descriptors say where the keys come from', () => {
    expect(published.fingerprint).toBe('73c5da0a');
    expect(published.publicDescriptors).toHaveLength(4);
    for (const descriptor of published.publicDescriptors) {
      const [text = '', checksum] = descriptor.split('#');
      expect(text).toMatch(/^(wpkh\(\[73c5da0a\/84h|tr\(\[73c5da0a\/86h)\/0h\/0h\]xpub[A-Za-z0-9]+\/[01]\/\*\)$/);
      expect(checksum).toBe(descriptorChecksum(text));
    }
  });
});

describe('whose an output is', () => {
  test('found by its script, up to the last index, in any order', () => {
    const wallet = createHotWallet(fromHex(seed), 'mainnet');
    const { script } = published.addressAt('p2tr', 'change', 2);
    expect(wallet.ownerOf(script, 1)).toBeUndefined();
    expect(wallet.ownerOf(script, 2)).toMatchObject({ kind: 'p2tr', branch: 'change', index: 2 });
    // remembered, and still beyond the range
    expect(wallet.ownerOf(script, 1)).toBeUndefined();
    expect(wallet.ownerOf(`0014${'00'.repeat(20)}`, 3)).toBeUndefined();
    expect(wallet.ownerOf(`a914${'00'.repeat(20)}87`, 3)).toBeUndefined();
  });
});

describe('the public half', () => {
  test('opens from the descriptors, also when both branches stand in one', () => {
    const open = openPublicWallet(published.publicDescriptors, 'mainnet');
    expect(open.publicDescriptors).toEqual(published.publicDescriptors);
    expect(open.addressAt('p2tr', 'change', 0)).toEqual(published.addressAt('p2tr', 'change', 0));
    const [first = ''] = published.publicDescriptors;
    const [text = ''] = first.replace('/0/*', '/<0;1>/*').split('#');
    const joined = text.replace(/\[.*\]/, (origin) => origin.replaceAll('h', "'"));
    const half = openPublicWallet([joined], 'mainnet');
    expect(half.publicDescriptors).toEqual(published.publicDescriptors.slice(0, 2));
    expect(thrownBy(() => half.addressAt('p2tr', 'receive', 0)).code).toBe('wallet-key.unsupported');
  });

  test('writes the paths into a PSBT, for a signer that holds no addresses', () => {
    const described = Psbt.fromBase64(WALLET.describe(unsigned(), LAST_INDEX));
    const paths = described.data.inputs.map(
      ({ bip32Derivation, tapBip32Derivation }) => (bip32Derivation ?? tapBip32Derivation)?.[0]?.path,
    );
    expect(paths).toEqual(["m/84'/1'/0'/0/1", "m/86'/1'/0'/0/2"]);
    expect(described.data.outputs.map(({ bip32Derivation }) => bip32Derivation?.[0]?.path)).toEqual([
      undefined,
      "m/84'/1'/0'/1/0",
    ]);
    // Said once is enough.
    expect(WALLET.describe(described.toBase64(), LAST_INDEX)).toBe(described.toBase64());
  });

  const [wpkh = '', , tr = ''] = published.publicDescriptors.map((text) => text.split('#')[0] ?? '');
  test.each([
    ['nothing', [], 'wallet-key.malformed'],
    ['another shape', [wpkh.replace('wpkh(', 'pkh(')], 'wallet-key.malformed'],
    ['a wrong checksum', [`${wpkh}#00000000`], 'wallet-key.malformed'],
    ['another purpose', [wpkh.replace('84h', '86h')], 'wallet-key.unsupported'],
    ['another network', [wpkh.replace('84h/0h', '84h/1h')], 'wallet-key.wrong-network'],
    ['different seeds', [wpkh, tr.replace('73c5da0a', '00000000')], 'wallet-key.unsupported'],
    ['different accounts', [wpkh, wpkh.replace('84h/0h/0h', '84h/0h/1h')], 'wallet-key.unsupported'],
    ['a private key', [wpkh.replace(/xpub[A-Za-z0-9]+/, bip86.master)], 'wallet-key.private'],
    ['a master key', [wpkh.replace(/xpub[A-Za-z0-9]+/, masterPublic())], 'wallet-key.unsupported'],
  ])('is refused from %s', (_, descriptors, code) => {
    expect(thrownBy(() => openPublicWallet(descriptors, 'mainnet')).code).toBe(code);
  });

  function masterPublic(): string {
    return bip32.fromSeed(fromHex(seed)).neutered().toBase58();
  }
});

describe('the secret', () => {
  test('shows up in no text of the wallet', () => {
    const master = bip32.fromSeed(fromHex(seed), bitcoinNetwork('mainnet').params);
    const secrets = [
      seed,
      bip86.master,
      toHex(master.privateKey as Uint8Array),
      ...["m/84'/0'/0'", "m/86'/0'/0'"].flatMap((path) => {
        const key = master.derivePath(path);
        return [key.toBase58(), toHex(key.privateKey as Uint8Array)];
      }),
    ];
    const texts = [
      JSON.stringify(published),
      inspect(published, { depth: Infinity, showHidden: true, getters: true }),
      published.describe(unsigned(), 0),
      published.publicDescriptors.join('\n'),
    ];
    for (const text of texts) for (const secret of secrets) expect(text).not.toContain(secret);
  });

  test.each([
    ['a seed that is too short', new Uint8Array(15), 'wallet-key.malformed'],
    ['a seed that is too long', new Uint8Array(65), 'wallet-key.malformed'],
    ['no key', 'correct horse battery staple', 'wallet-key.malformed'],
    ['a key that was copied badly', `${bip86.master.slice(0, -1)}x`, 'wallet-key.malformed'],
    ['a public key', bip86.accountPublic, 'wallet-key.unsupported'],
    ['an account’s key', bip84.accountPrivate, 'wallet-key.unsupported'],
  ])('is refused: %s', (_, secret, code) => {
    const error = thrownBy(() => createHotWallet(secret, 'mainnet'));
    expect(error.code).toBe(code);
    if (typeof secret === 'string') expect(JSON.stringify(error)).not.toContain(secret.slice(0, 12));
  });

  test('of another network', () => {
    expect(thrownBy(() => createHotWallet(bip86.master, 'signet')).code).toBe('wallet-key.wrong-network');
  });
});

describe('signing', () => {
  test('the same PSBT gives the same signatures', () => {
    const psbt = unsigned();
    expect(WALLET.sign(psbt, LAST_INDEX)).toBe(createHotWallet(new Uint8Array(32).fill(7), 'regtest').sign(psbt, 3));
  });

  test('paths in a PSBT save the search, and a wrong one does no harm', () => {
    const plain = unsigned();
    const wrong = Psbt.fromBase64(WALLET.describe(plain, LAST_INDEX));
    const [first] = wrong.data.inputs[0]?.bip32Derivation ?? [];
    if (first === undefined) throw new Error('nothing is told');
    for (const path of ["m/84'/1'/0'/0/1", "m/84'/1'/0'/0/2", "m/84'/1'/0'/0/999999999", "m/0'/7"]) {
      first.path = path;
      const signed = Psbt.fromBase64(WALLET.sign(wrong.toBase64(), LAST_INDEX));
      const signatures = (psbt: Psbt) =>
        psbt.data.inputs.map(({ partialSig, tapKeySig }) => toHex(partialSig?.[0]?.signature ?? tapKeySig!));
      expect(signatures(signed)).toEqual(signatures(Psbt.fromBase64(WALLET.sign(plain, LAST_INDEX))));
    }
  });

  test('refuses inputs of others, and those beyond its range', () => {
    const psbt = unsigned();
    expect(thrownBy(() => published.sign(psbt, LAST_INDEX)).code).toBe('transaction.not-signed');
    expect(thrownBy(() => WALLET.sign(psbt, 1)).code).toBe('transaction.not-signed');
  });

  test.each([Transaction.SIGHASH_NONE, Transaction.SIGHASH_SINGLE, Transaction.SIGHASH_ANYONECANPAY])(
    'refuses to sign a part of the transaction (%i)',
    (sighashType) => {
      for (const index of [0, 1]) {
        const psbt = Psbt.fromBase64(unsigned());
        psbt.updateInput(index, { sighashType });
        expect(thrownBy(() => WALLET.sign(psbt.toBase64(), LAST_INDEX)).code).toBe('transaction.not-signed');
      }
    },
  );

  test.each(['', 'cHNidP8=', 'not base64 at all'])('refuses what is no PSBT: %p', (text) => {
    expect(thrownBy(() => WALLET.sign(text, LAST_INDEX)).code).toBe('transaction.malformed');
  });
});
