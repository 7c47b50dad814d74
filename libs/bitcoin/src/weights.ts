/** What transactions weigh and cost (BIP-141: four units are a virtual byte), known before they are signed. */
import { fail } from '@holdfast/protocol';
import type { OutputType } from './scripts.ts';

const UNITS_PER_VBYTE = 4;
/** Outpoint 36, length of an empty script 1, sequence 4. */
const INPUT_BASE_BYTES = 41;
/** Number of items 1, signature 1 + 72 at most, public key 1 + 33. */
const P2WPKH_WITNESS_BYTES = 108;
/** Number of items 1, signature 1 + 64. */
const P2TR_WITNESS_BYTES = 66;
/** Version 4, lock time 4. */
const FRAME_BYTES = 8;
/** Marker and flag. */
const SEGWIT_WEIGHT = 2;
const AMOUNT_BYTES = 8;

/** Bytes of Bitcoin's variable-length integer. */
const countBytes = (count: number): number => {
  if (count < 0xfd) return 1;
  return count <= 0xffff ? 3 : 5;
};

/**
 * The weight of an input, signature included, at most: an ECDSA signature may come out a byte or two shorter.
 * @throws HoldfastError `transaction.bad-plan` for what a hot wallet does not hold
 */
export function inputWeight(type: OutputType): number {
  if (type === 'p2wpkh') return INPUT_BASE_BYTES * UNITS_PER_VBYTE + P2WPKH_WITNESS_BYTES;
  if (type === 'p2tr') return INPUT_BASE_BYTES * UNITS_PER_VBYTE + P2TR_WITNESS_BYTES;
  throw fail('transaction.bad-plan', { detail: `an input of type ${type}` });
}

/** @param scriptBytes the length of the output's script. */
export const outputWeight = (scriptBytes: number): number =>
  (AMOUNT_BYTES + countBytes(scriptBytes) + scriptBytes) * UNITS_PER_VBYTE;

/** The weight of everything but inputs and outputs. */
const frameWeight = (inputCount: number, outputCount: number): number =>
  (FRAME_BYTES + countBytes(inputCount) + countBytes(outputCount)) * UNITS_PER_VBYTE + SEGWIT_WEIGHT;

/** @param outputs the lengths of the outputs' scripts, in bytes. */
export function transactionWeight(inputs: readonly OutputType[], outputs: readonly number[]): number {
  let weight = frameWeight(inputs.length, outputs.length);
  for (const type of inputs) weight += inputWeight(type);
  for (const scriptBytes of outputs) weight += outputWeight(scriptBytes);
  return weight;
}

export const vsizeOf = (weight: number): number => Math.ceil(weight / UNITS_PER_VBYTE);

/** Rounded up to whole satoshi, so that the rate is reached. */
export const feeOf = (vsize: number, satPerKvb: bigint): bigint => (BigInt(vsize) * satPerKvb + 999n) / 1000n;
