/**
 * From what a signer gave back to the transaction that is broadcast. Only signatures are taken over from it, each
 * verified against the PSBT that was planned: a signer can refuse, but not change anything.
 */
import { fail } from '@holdfast/protocol';
import { crypto, type Psbt, script, Transaction } from 'bitcoinjs-lib';
import { curve } from './curve.ts';
import { readPsbt } from './psbt.ts';
import { outputTypeOf, scriptHex } from './scripts.ts';

export interface SignedTransaction {
  /** 64 hex digits, as shown: the same as planned. */
  readonly txid: string;
  /** Ready to be broadcast. */
  readonly hex: string;
  readonly weight: number;
  readonly vsize: number;
}

interface Spent {
  readonly script: Uint8Array;
  readonly value: bigint;
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
  const unsigned = unsignedBytes(ours);
  if (scriptHex(unsigned) !== scriptHex(unsignedBytes(theirs))) {
    throw fail('transaction.altered', { detail: 'inputs, outputs or lock time differ' });
  }
  const transaction = Transaction.fromBuffer(unsigned, true);
  const spent = ours.data.inputs.map(({ witnessUtxo }, index) => {
    if (witnessUtxo === undefined)
      throw fail('transaction.malformed', { detail: `what input ${index} spends is not told` });
    return witnessUtxo;
  });
  const witnesses = spent.map((_, index) => witnessOf(theirs, index));
  for (const [index, witness] of witnesses.entries()) verifyWitness(transaction, index, spent, witness);
  for (const [index, witness] of witnesses.entries()) transaction.setWitness(index, witness);
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

function verifyWitness(transaction: Transaction, index: number, spent: readonly Spent[], witness: Uint8Array[]): void {
  const { script: output, value } = spent[index] as Spent;
  const type = outputTypeOf(scriptHex(output));
  if (type === 'p2wpkh') verifyP2wpkh(transaction, index, output, value, witness);
  else if (type === 'p2tr') verifyP2tr(transaction, index, spent, witness);
  else throw notSigned(index, 'is of a kind that is not signed here');
}

function verifyP2wpkh(
  transaction: Transaction,
  index: number,
  output: Uint8Array,
  value: bigint,
  witness: Uint8Array[],
): void {
  const [encoded, publicKey, ...more] = witness;
  if (encoded === undefined || publicKey === undefined || more.length > 0)
    throw notSigned(index, 'has a strange witness');
  const hash = crypto.hash160(publicKey);
  if (scriptHex(hash) !== scriptHex(output.subarray(2))) throw notSigned(index, 'is signed by another key');
  const { signature, hashType } = decodeSignature(index, encoded);
  if (hashType !== Transaction.SIGHASH_ALL) throw notSigned(index, 'is signed only in part');
  const scriptCode = Uint8Array.from([0x76, 0xa9, 0x14, ...hash, 0x88, 0xac]);
  const digest = transaction.hashForWitnessV0(index, scriptCode, value, hashType);
  // Strict: a high S is valid, but nodes do not relay it.
  if (!curve.verify(digest, publicKey, signature, true)) throw notSigned(index, 'has a wrong signature');
}

function decodeSignature(index: number, encoded: Uint8Array): { signature: Uint8Array; hashType: number } {
  try {
    return script.signature.decode(encoded);
  } catch {
    throw notSigned(index, 'has a malformed signature');
  }
}

function verifyP2tr(transaction: Transaction, index: number, spent: readonly Spent[], witness: Uint8Array[]): void {
  const [signature, ...more] = witness;
  if (signature === undefined || more.length > 0) throw notSigned(index, 'is not spent by its key');
  // 65 bytes would be a signature of a named kind: valid, but heavier than planned.
  if (signature.length !== 64) throw notSigned(index, 'has a signature of another kind');
  const digest = transaction.hashForWitnessV1(
    index,
    spent.map((output) => output.script),
    spent.map((output) => output.value),
    Transaction.SIGHASH_DEFAULT,
  );
  const outputKey = (spent[index] as Spent).script.subarray(2);
  if (!curve.verifySchnorr(digest, outputKey, signature)) throw notSigned(index, 'has a wrong signature');
}

const notSigned = (index: number, what: string): Error =>
  fail('transaction.not-signed', { detail: `input ${index} ${what}` });
