/**
 * Plans the replacement of a payout that is stuck (BIP-125), or that lost an input: same designated input, same payees, a
 * higher fee.
 */
import { fail } from '@holdfast/protocol';
import {
  buildTransaction,
  bySize,
  type Output,
  requireCoins,
  requireRate,
  sumSats,
  weigh,
} from './build-transaction.ts';
import { isWorthSpending } from './choose-coins.ts';
import { type Coin, type Outpoint, outpointKey, type UnsignedTransaction } from './coins.ts';
import { dustSats } from './scripts.ts';
import { readTransaction } from './transactions.ts';
import { feeOf, vsizeOf } from './weights.ts';

/** What has to be kept of a payout to replace it. */
export interface PreviousPayout {
  /** The signed transaction. */
  readonly hex: string;
  /** All that it spends. */
  readonly inputs: readonly Coin[];
  readonly designated: Outpoint;
  /** Its last output, or absent: it has no change. */
  readonly changeVout?: number;
}

export interface BumpRequest {
  /** The newest one that was broadcast. */
  readonly previous: PreviousPayout;
  readonly satPerKvb: bigint;
  /** Of the previous inputs those that exist no more: it goes without them. Never the designated one. */
  readonly dropped?: readonly Outpoint[];
  /** More coins that may be spent; unconfirmed ones are left alone, as BIP-125 wants it. */
  readonly additionalCoins?: readonly Coin[];
  /** Hex: for change, where the previous one has none. */
  readonly changeScript: string;
  /** Fees of unconfirmed transactions that fall with the previous one, such as a child that paid for it. */
  readonly descendantFeesSats?: bigint;
  /** What nodes ask for relaying a replacement; default 1,000, Bitcoin Core's. */
  readonly incrementalSatPerKvb?: bigint;
  /** No fee above this in all. */
  readonly maxFeeSats?: bigint;
}

export type BumpPlan =
  | {
      readonly outcome: 'planned';
      /** Payees keep their outputs, by number and amount. */
      readonly transaction: UnsignedTransaction;
      /** What the mediator pays on top of the previous transaction's fee. */
      readonly addedFeeSats: bigint;
      /** What is paid in fact: at least what was asked for. */
      readonly satPerKvb: bigint;
    }
  /** The previous one pays as much already, namely this; and nothing has to be dropped. */
  | { readonly outcome: 'unneeded'; readonly satPerKvb: bigint }
  /** So much more in confirmed coins would do. */
  | { readonly outcome: 'short'; readonly missingSats: bigint }
  | { readonly outcome: 'too-dear'; readonly feeSats: bigint; readonly maxFeeSats: bigint };

/** Bitcoin Core's `incrementalrelayfee` up to version 29; later ones ask for less. */
const USUAL_INCREMENT_SAT_PER_KVB = 1000n;

interface Attempt {
  readonly coins: readonly Coin[];
  readonly outputs: readonly Output[];
  readonly changeVout?: number;
  readonly feeSats: bigint;
}

/** @throws HoldfastError `transaction.bad-plan` for a previous payout that is not what it says; `transaction.malformed` */
export function planBump(request: BumpRequest): BumpPlan {
  const { satPerKvb, maxFeeSats } = request;
  requireRate(satPerKvb);
  const previous = withoutDropped(readPrevious(request.previous), request);
  const paidSatPerKvb = (previous.feeSats * 1000n) / BigInt(previous.vsize);
  if (previous.isWhole && satPerKvb * BigInt(previous.vsize) <= previous.feeSats * 1000n) {
    return { outcome: 'unneeded', satPerKvb: paidSatPerKvb };
  }
  const best = attempt(request, previous);
  if (typeof best === 'bigint') return { outcome: 'short', missingSats: best };
  if (maxFeeSats !== undefined && best.feeSats > maxFeeSats) {
    return { outcome: 'too-dear', feeSats: best.feeSats, maxFeeSats };
  }
  const transaction = buildTransaction(best.coins, best.outputs, best.changeVout);
  return {
    outcome: 'planned',
    transaction,
    addedFeeSats: transaction.feeSats - previous.feeSats,
    satPerKvb: (transaction.feeSats * 1000n) / BigInt(transaction.vsize),
  };
}

interface Previous {
  /** What is spent again. */
  readonly inputs: readonly Coin[];
  /** Nothing is dropped of it. */
  readonly isWhole: boolean;
  readonly payments: readonly Output[];
  readonly changeScript?: string;
  readonly feeSats: bigint;
  readonly vsize: number;
}

function readPrevious({ hex, inputs, designated, changeVout }: PreviousPayout): Previous {
  requireCoins(inputs);
  const { inputs: spent, outputs, vsize } = readTransaction(hex);
  const known = new Set(inputs.map(outpointKey));
  if (spent.length !== known.size || !spent.every((input) => known.has(outpointKey(input)))) {
    throw fail('transaction.bad-plan', { detail: 'the coins given are not those that the previous payout spends' });
  }
  if (!known.has(outpointKey(designated))) {
    throw fail('transaction.bad-plan', { detail: 'the previous payout does not spend the designated coin' });
  }
  if (changeVout !== undefined && changeVout !== outputs.length - 1) {
    throw fail('transaction.bad-plan', { detail: 'the change is not the last output' });
  }
  const feeSats = sumSats(inputs) - sumSats(outputs);
  if (feeSats < 0n) throw fail('transaction.bad-plan', { detail: 'the previous payout pays more than it spends' });
  if (changeVout === undefined) return { inputs, isWhole: true, payments: outputs, feeSats, vsize };
  const change = outputs[changeVout] as Output;
  const payments = outputs.slice(0, changeVout);
  return { inputs, isWhole: true, payments, changeScript: change.script, feeSats, vsize };
}

function withoutDropped(previous: Previous, { dropped = [], previous: { designated } }: BumpRequest): Previous {
  if (dropped.length === 0) return previous;
  const gone = new Set(dropped.map(outpointKey));
  if (gone.has(outpointKey(designated))) {
    throw fail('transaction.bad-plan', { detail: 'the designated coin cannot be dropped' });
  }
  const inputs = previous.inputs.filter((coin) => !gone.has(outpointKey(coin)));
  if (previous.inputs.length - inputs.length !== gone.size) {
    throw fail('transaction.bad-plan', { detail: 'what is dropped is not spent by the previous payout' });
  }
  return { ...previous, inputs, isWhole: false };
}

/** With no more coins than it takes, the largest first; a bigint is what is missing. */
function attempt(request: BumpRequest, previous: Previous): Attempt | bigint {
  const { additionalCoins = [], satPerKvb } = request;
  const spent = new Set(request.previous.inputs.map(outpointKey));
  const more = additionalCoins
    .filter((coin) => !spent.has(outpointKey(coin)) && isWorthSpending(coin, satPerKvb))
    .toSorted(bySize);
  requireCoins([...previous.inputs, ...more]);
  let missingSats = 0n;
  for (let count = 0; count <= more.length; count++) {
    const found = attemptWith([...previous.inputs, ...more.slice(0, count)], request, previous);
    if (typeof found !== 'bigint') return found;
    missingSats = found;
  }
  return missingSats;
}

function attemptWith(coins: readonly Coin[], request: BumpRequest, previous: Previous): Attempt | bigint {
  const changeScript = previous.changeScript ?? request.changeScript;
  const scripts = previous.payments.map(({ script }) => script);
  const restSats = sumSats(coins) - sumSats(previous.payments);
  const feeWithChange = leastFee(vsizeOf(weigh(coins, [...scripts, changeScript])), request, previous);
  const changeSats = restSats - feeWithChange;
  if (changeSats >= dustSats(changeScript)) {
    const outputs = [...previous.payments, { script: changeScript, sats: changeSats }];
    return { coins, outputs, changeVout: previous.payments.length, feeSats: feeWithChange };
  }
  const feeWithout = leastFee(vsizeOf(weigh(coins, scripts)), request, previous);
  if (restSats >= feeWithout) return { coins, outputs: previous.payments, feeSats: restSats };
  return feeWithout - restSats;
}

/** Rules 3, 4 and 6 of BIP-125: more than all that falls, by enough to pay for the relay, at a higher rate. */
function leastFee(vsize: number, request: BumpRequest, previous: Previous): bigint {
  const { satPerKvb, descendantFeesSats = 0n, incrementalSatPerKvb = USUAL_INCREMENT_SAT_PER_KVB } = request;
  const byRate = feeOf(vsize, satPerKvb);
  const byRelay = previous.feeSats + descendantFeesSats + feeOf(vsize, incrementalSatPerKvb);
  return byRate > byRelay ? byRate : byRelay;
}
