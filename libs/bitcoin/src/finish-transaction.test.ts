/** What a signer gives back: taken over only when it is the same transaction, whole and rightly signed. */
import { describe, expect, test } from '@jest/globals';
import { fromHex, toHex } from '@holdfast/protocol';
import { crypto, payments, Psbt, Transaction } from 'bitcoinjs-lib';
import { addressOfScript } from './address.ts';
import { bip32, curve } from './curve.ts';
import { finishTransaction } from './finish-transaction.ts';
import { bitcoinNetwork } from './networks.ts';
import { planPayout } from './plan-payout.ts';
import { thrownBy, VECTORS } from './test-vectors.ts';
import { CHANGE, coin, LAST_INDEX, payee, SEED, signElsewhere, WALLET } from './test-wallet.ts';
import { readTransaction } from './transactions.ts';

function planned(payeeSats = 150_000n) {
  const coins = [coin(1, 90_000n), coin(2, 80_000n, 'p2tr'), coin(3, 55_000n)];
  const plan = planPayout({ coins, payees: [payee(1, payeeSats)], satPerKvb: 2000n, changeScript: CHANGE });
  if (plan.outcome !== 'planned') throw new Error(plan.outcome);
  return plan.transaction;
}

/** Changes an input of a signed PSBT. */
function altered(psbt: string, change: (inputs: Psbt['data']['inputs']) => void): string {
  const signed = Psbt.fromBase64(WALLET.sign(psbt, LAST_INDEX));
  change(signed.data.inputs);
  return signed.toBase64();
}

describe('a signed PSBT', () => {
  test('becomes the transaction that was planned', () => {
    const { psbt, txid, inputs, payments: paid, change, weight } = planned();
    const signed = finishTransaction(psbt, WALLET.sign(psbt, LAST_INDEX));
    const read = readTransaction(signed.hex);
    expect(signed.txid).toBe(txid);
    expect(read).toMatchObject({ txid, weight: signed.weight, vsize: signed.vsize });
    expect(read.inputs).toEqual(inputs.map(({ txid: id, vout }) => ({ txid: id, vout })));
    expect(read.outputs).toEqual([
      { sats: paid[0]?.receivedSats, script: paid[0]?.script },
      { sats: change?.sats, script: CHANGE },
    ]);
    expect(signed.weight).toBeLessThanOrEqual(weight);
    expect(Transaction.fromHex(signed.hex).ins.map(({ sequence }) => sequence)).toEqual([0xfffffffd, 0xfffffffd]);
  });

  test('of a signer of another make, with paths, beside the inputs or finalised', () => {
    const { psbt, txid } = planned(200_000n);
    const elsewhere = signElsewhere(psbt);
    expect(finishTransaction(psbt, elsewhere.toBase64()).txid).toBe(txid);
    const finalised = elsewhere.clone().finalizeAllInputs();
    expect(finishTransaction(psbt, finalised.toBase64())).toEqual(finishTransaction(psbt, elsewhere.toBase64()));
    // The library's own assembly says the same.
    expect(finishTransaction(psbt, finalised.toBase64()).hex).toBe(finalised.extractTransaction(true).toHex());
  });

  test('is not taken when it is another transaction', () => {
    const { psbt } = planned();
    const other = planned(150_001n);
    expect(thrownBy(() => finishTransaction(psbt, WALLET.sign(other.psbt, LAST_INDEX))).code).toBe(
      'transaction.altered',
    );
  });

  test('is judged by the amounts that were planned, not by those that came back', () => {
    const { psbt } = planned();
    const lying = Psbt.fromBase64(psbt);
    const [first] = lying.data.inputs;
    if (first?.witnessUtxo) first.witnessUtxo = { ...first.witnessUtxo, value: first.witnessUtxo.value + 1n };
    const signed = WALLET.sign(lying.toBase64(), LAST_INDEX);
    expect(thrownBy(() => finishTransaction(psbt, signed)).code).toBe('transaction.not-signed');
  });

  test.each<[string, (inputs: Psbt['data']['inputs']) => void]>([
    ['a missing signature', (inputs) => delete inputs[0]?.partialSig],
    ['a missing taproot signature', (inputs) => delete inputs[1]?.tapKeySig],
    ['a flipped bit', (inputs) => flip(inputs[0]?.partialSig?.[0]?.signature, 10)],
    ['a flipped bit in a taproot signature', (inputs) => flip(inputs[1]?.tapKeySig, 63)],
    ['another kind of signature', (inputs) => flip(inputs[0]?.partialSig?.[0]?.signature, -1)],
    ['a taproot signature of a named kind', (inputs) => lengthen(inputs[1])],
    ['another key', (inputs) => flip(inputs[0]?.partialSig?.[0]?.pubkey, 0)],
    ['a witness of one item', (inputs) => finalise(inputs[0], [[1, 2, 3]])],
    ['a witness with more', (inputs) => finalise(inputs[1], [Array(64).fill(1), [0x50]])],
    ['a signature that is none', (inputs) => finalise(inputs[0], [[1, 2, 3], Array(33).fill(2)])],
  ])('is refused with %s', (_, change) => {
    const { psbt } = planned();
    const error = thrownBy(() => finishTransaction(psbt, altered(psbt, change)));
    expect(error.code).toBe('transaction.not-signed');
  });

  test('is refused from another seed', () => {
    const { psbt } = planned();
    const finalised = Psbt.fromBase64(psbt);
    const key = bip32.fromSeed(SEED.toReversed().fill(9), bitcoinNetwork('regtest').params);
    const transaction = Transaction.fromHex(toHex(finalised.data.globalMap.unsignedTx.toBuffer()));
    const script = payments.p2pkh({ pubkey: key.publicKey }).output as Uint8Array;
    const signature = key.sign(transaction.hashForWitnessV0(0, script, 90_000n, Transaction.SIGHASH_ALL));
    const encoded = [...signatureScript(signature)];
    const signed = altered(psbt, (inputs) => finalise(inputs[0], [encoded, [...key.publicKey]]));
    expect(thrownBy(() => finishTransaction(psbt, signed)).message).toContain('another key');
  });

  test('is refused with a high S: valid, but nobody relays it', () => {
    const { psbt } = planned();
    const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n;
    const signed = altered(psbt, (inputs) => {
      const [partial] = inputs[0]?.partialSig ?? [];
      if (partial === undefined) throw new Error('not signed');
      const { r, s } = readSignature(partial.signature);
      partial.signature = signatureScript(fromHex(r + (order - s).toString(16).padStart(64, '0')));
    });
    expect(thrownBy(() => finishTransaction(psbt, signed)).message).toContain('wrong signature');
  });

  test('of something else is malformed', () => {
    const { psbt } = planned();
    expect(thrownBy(() => finishTransaction(psbt, 'signed')).code).toBe('transaction.malformed');
    expect(thrownBy(() => readTransaction('00')).code).toBe('transaction.malformed');
  });
});

describe('BIP-341', () => {
  const { bip341 } = VECTORS;

  test('the output key and its address', () => {
    const tweaked = curve.xOnlyPointAddTweak(
      fromHex(bip341.internalPublicKey),
      crypto.taggedHash('TapTweak', fromHex(bip341.internalPublicKey)),
    );
    expect(`5120${toHex(tweaked?.xOnlyPubkey ?? new Uint8Array())}`).toBe(bip341.script);
    expect(addressOfScript(bip341.script, 'mainnet')).toBe(bip341.address);
    const key = bip32.fromPrivateKey(fromHex(bip341.internalPrivateKey), new Uint8Array(32));
    const signer = key.tweak(crypto.taggedHash('TapTweak', fromHex(bip341.internalPublicKey)));
    expect(toHex(signer.publicKey.subarray(1))).toBe(bip341.script.slice(4));
  });

  test.each(bip341.signatures)(
    'the signature of input $input',
    ({ input, hashType, tweakedPrivateKey, digest, witness }) => {
      const transaction = Transaction.fromHex(bip341.unsignedTransaction);
      const hash = transaction.hashForWitnessV1(
        input,
        bip341.spent.map(([script]) => fromHex(script)),
        bip341.spent.map(([, sats]) => BigInt(sats)),
        hashType,
      );
      expect(toHex(hash)).toBe(digest);
      expect(toHex(curve.signSchnorr(hash, fromHex(tweakedPrivateKey)))).toBe(witness.slice(0, 128));
    },
  );
});

function flip(bytes: Uint8Array | undefined, at: number): void {
  if (bytes === undefined) throw new Error('nothing to flip');
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] ?? 0) ^ 1;
}

function lengthen(input: Psbt['data']['inputs'][number] | undefined): void {
  if (input?.tapKeySig === undefined) throw new Error('not signed');
  input.tapKeySig = Uint8Array.of(...input.tapKeySig, Transaction.SIGHASH_ALL);
}

function finalise(input: Psbt['data']['inputs'][number] | undefined, items: readonly number[][]): void {
  if (input === undefined) throw new Error('no input');
  input.finalScriptWitness = Uint8Array.from([items.length, ...items.flatMap((item) => [item.length, ...item])]);
}

/** DER: 30, length, 02, length, r, 02, length, s, kind. */
function readSignature(encoded: Uint8Array): { r: string; s: bigint } {
  const size = encoded[3] ?? 0;
  const r = toHex(encoded.subarray(4, 4 + size))
    .slice(-64)
    .padStart(64, '0');
  return { r, s: BigInt(`0x${toHex(encoded.subarray(6 + size, encoded.length - 1))}`) };
}

function signatureScript(signature: Uint8Array): Uint8Array {
  const part = (bytes: Uint8Array): number[] => {
    const [first = 0] = bytes;
    const body = first > 0x7f ? [0, ...bytes] : [...bytes];
    return [2, body.length, ...body];
  };
  const body = [...part(signature.subarray(0, 32)), ...part(signature.subarray(32))];
  return Uint8Array.from([0x30, body.length, ...body, Transaction.SIGHASH_ALL]);
}
