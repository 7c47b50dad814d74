/**
 * From what a signer gave back to the transaction that is broadcast. Only signatures are taken over from it, each
 * verified against the PSBT that was planned: a signer can refuse, but not change anything.
 */
import { fail } from '@holdfast/protocol';
import { crypto, type Psbt, script, Transaction } from 'bitcoinjs-lib';
import { keyPairs } from './curve.ts';
import { readPsbt, spentScripts } from './psbt.ts';
import { outputTypeOf, scriptBytes, scriptHex } from './scripts.ts';

export interface SignedTransaction {
  /** 64 hex digits, as shown: the same as planned. */
  readonly txid: string;
  /** Ready to be broadcast. */
  readonly hex: string;
  readonly weight: number;
  readonly vsize: number;
}

/**
 * @param planned the PSBT that was given to the signer, base64
 * @param signed what came back, base64: signatures beside the inputs, or finalised
 * @throws HoldfastError `transaction.altered` unless it is the same transaction; `transaction.not-signed` unless every
 * signature is there, valid, and covers the whole transaction; `transaction.malformed`
 */
export function finishTransaction(planned: string, signed: string): SignedTransaction {
  const ours = readPsbt(planned);
  const theirs = readPsbt(signed);
  if (scriptHex(unsignedBytes(ours)) !== scriptHex(unsignedBytes(theirs))) {
    throw fail('transaction.altered', { detail: 'inputs, outputs or lock time differ' });
  }
  for (const [index, spent] of spentScripts(ours).entries())
    takeSignature(ours, index, spent, witnessOf(theirs, index));
  const transaction = ours.finalizeAllInputs().extractTransaction(true);
  return {
    txid: transaction.getId(),
    hex: transaction.toHex(),
    weight: transaction.weight(),
    vsize: transaction.virtualSize(),
  };
}

const unsignedBytes = (psbt: Psbt): Uint8Array => psbt.data.globalMap.unsignedTx.toBuffer();

/** Signature, and for P2WPKH the public key. */
function witnessOf(signed: Psbt, index: number): Uint8Array[] {
  const { finalScriptWitness, tapKeySig, partialSig } = signed.data.inputs[index] ?? {};
  if (finalScriptWitness !== undefined) return readStack(finalScriptWitness);
  if (tapKeySig !== undefined) return [tapKeySig];
  const [only, ...others] = partialSig ?? [];
  if (only !== undefined && others.length === 0) return [only.signature, only.pubkey];
  throw notSigned(index, 'is not signed');
}

/** Items of less than 253 bytes, each after its length: signatures and keys are no longer. */
function readStack(bytes: Uint8Array): Uint8Array[] {
  const items: Uint8Array[] = [];
  let at = 1;
  while (items.length < (bytes[0] ?? 0)) {
    const length = bytes[at] ?? 0;
    items.push(bytes.slice(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return items;
}

/** Into our PSBT, and verified there, against what we know of the coins. @param spent script of the output, hex */
function takeSignature(ours: Psbt, index: number, spent: string, witness: readonly Uint8Array[]): void {
  const type = outputTypeOf(spent);
  if (type === 'p2wpkh') takeP2wpkh(ours, index, spent, witness);
  else if (type === 'p2tr') takeP2tr(ours, index, spent, witness);
  else throw notSigned(index, 'is of a kind that is not signed here');
}

function takeP2wpkh(ours: Psbt, index: number, spent: string, witness: readonly Uint8Array[]): void {
  const [signature, pubkey, ...more] = witness;
  if (signature === undefined || pubkey === undefined || more.length > 0)
    throw notSigned(index, 'has a strange witness');
  if (scriptHex(crypto.hash160(pubkey)) !== spent.slice(4)) throw notSigned(index, 'is signed by another key');
  if (hashTypeOf(index, signature) !== Transaction.SIGHASH_ALL) throw notSigned(index, 'is signed only in part');
  ours.updateInput(index, { partialSig: [{ pubkey, signature }] });
  const isValid = ours.validateSignaturesOfInput(index, (key, digest, given) =>
    keyPairs.fromPublicKey(key).verify(digest, given),
  );
  if (!isValid) throw notSigned(index, 'has a wrong signature');
}

function hashTypeOf(index: number, signature: Uint8Array): number {
  try {
    return script.signature.decode(signature).hashType;
  } catch {
    throw notSigned(index, 'has a malformed signature');
  }
}

/** Of the two keys with this abscissa the one that taproot means. */
const EVEN = 0x02;

function takeP2tr(ours: Psbt, index: number, spent: string, witness: readonly Uint8Array[]): void {
  const [tapKeySig, ...more] = witness;
  if (tapKeySig === undefined || more.length > 0) throw notSigned(index, 'is not spent by its key');
  // 65 bytes would be a signature of a named kind: valid, but heavier than planned.
  if (tapKeySig.length !== 64) throw notSigned(index, 'has a signature of another kind');
  ours.updateInput(index, { tapKeySig });
  const isValid = ours.validateSignaturesOfInput(
    index,
    (key, digest, given) => keyPairs.fromPublicKey(Uint8Array.of(EVEN, ...key)).verifySchnorr(digest, given),
    scriptBytes(spent.slice(4)),
  );
  if (!isValid) throw notSigned(index, 'has a wrong signature');
}

const notSigned = (index: number, what: string): Error =>
  fail('transaction.not-signed', { detail: `input ${index} ${what}` });
