/** Puts coins and outputs together into the transaction that is to be signed, always in the same order. */
import { fail } from '@holdfast/protocol';
import { Transaction } from 'bitcoinjs-lib';
import { type Change, type Coin, type Outpoint, outpointKey, type UnsignedTransaction } from './coins.ts';
import { psbtOf } from './psbt.ts';
import { requireOutputType, scriptBytes } from './scripts.ts';
import { transactionWeight, vsizeOf } from './weights.ts';

export interface Output {
  /** Hex. */
  readonly script: string;
  readonly sats: bigint;
}

/** BIP-125: may be replaced. The lock time stays in force, too, and is zero. */
const REPLACEABLE = 0xfffffffd;

const TXID = /^[0-9a-f]{64}$/;
const MOST_SATS = 21_000_000n * 100_000_000n;

/** The order of inputs: by transaction id, then by output, as BIP-69 has it. */
const byOutpoint = (a: Outpoint, b: Outpoint): number => {
  if (a.txid !== b.txid) return a.txid < b.txid ? -1 : 1;
  return a.vout - b.vout;
};

/** The largest first; of equal ones by outpoint, so that the order that they came in does not matter. */
export const bySize = (a: Coin, b: Coin): number => {
  if (a.sats === b.sats) return byOutpoint(a, b);
  return a.sats > b.sats ? -1 : 1;
};

/** Weight of a transaction with these inputs and outputs, signatures included, at most. */
export const weigh = (coins: readonly Coin[], outputScripts: readonly string[]): number =>
  transactionWeight(
    coins.map(({ script }) => requireOutputType(script)),
    outputScripts.map((script) => script.length / 2),
  );

/** @throws HoldfastError `transaction.bad-plan` for coins that are named twice or are no coins */
export function requireCoins(coins: readonly Coin[]): void {
  const keys = new Set(coins.map(outpointKey));
  if (keys.size !== coins.length) throw fail('transaction.bad-plan', { detail: 'a coin is named twice' });
  for (const { txid, vout, sats } of coins) {
    if (!TXID.test(txid) || !Number.isInteger(vout) || vout < 0) {
      throw fail('transaction.bad-plan', { detail: 'a coin without a proper transaction id and output number' });
    }
    requireAmount(sats);
  }
}

/** @throws HoldfastError `transaction.bad-plan` unless it is above zero and no more than there can be */
export function requireAmount(sats: bigint): void {
  if (sats <= 0n || sats > MOST_SATS) throw fail('transaction.bad-plan', { detail: `an amount of ${sats} sat` });
}

/** @throws HoldfastError `transaction.bad-plan` unless the rate is above zero */
export function requireRate(satPerKvb: bigint): void {
  if (satPerKvb <= 0n) throw fail('transaction.bad-plan', { detail: `a fee rate of ${satPerKvb} sat/kvB` });
}

/**
 * @param coins in any order
 * @param outputs in the order that they are to have, change last
 * @param changeVout which of them is change, if any
 */
export function buildTransaction(
  coins: readonly Coin[],
  outputs: readonly Output[],
  changeVout?: number,
): UnsignedTransaction {
  const inputs = coins.toSorted(byOutpoint);
  const transaction = new Transaction();
  transaction.version = 2;
  for (const { txid, vout } of inputs) transaction.addInput(scriptBytes(txid).reverse(), vout, REPLACEABLE);
  for (const { script, sats } of outputs) transaction.addOutput(scriptBytes(script), sats);
  const psbt = psbtOf(transaction);
  for (const [index, { script, sats }] of inputs.entries()) {
    psbt.updateInput(index, { witnessUtxo: { script: scriptBytes(script), value: sats } });
  }
  const weight = weigh(
    inputs,
    outputs.map(({ script }) => script),
  );
  const change = changeOf(outputs, changeVout);
  return {
    txid: transaction.getId(),
    psbt: psbt.toBase64(),
    inputs,
    ...(change !== undefined && { change }),
    feeSats: sumSats(inputs) - sumSats(outputs),
    weight,
    vsize: vsizeOf(weight),
  };
}

function changeOf(outputs: readonly Output[], vout: number | undefined): Change | undefined {
  const output = vout === undefined ? undefined : outputs[vout];
  return vout === undefined || output === undefined ? undefined : { vout, ...output };
}

export const sumSats = (parts: readonly { readonly sats: bigint }[]): bigint =>
  parts.reduce((sum, { sats }) => sum + sats, 0n);
