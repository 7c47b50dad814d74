/**
 * Replacements of what was signed: dearer ones for what is stuck, and ones that can be mined for what lost an input. All of
 * them spend the designated output and pay the same payees the same amounts, so at most one of them is ever mined.
 */
import { type Coin, type Outpoint, outpointKey, planBump, readTransaction } from '@holdfast/bitcoin';
import type { PaymentRail } from '../rail/index.ts';
import { freeCoins, toInput, watchWallet } from './build-batches.ts';
import type { OpenBatch, PayoutInput, SignedTransaction } from './ports.ts';
import { sendBatch } from './send-batch.ts';
import type { PayoutOptions } from './settings.ts';
import { checkSigned, signTransaction } from './sign-transaction.ts';

const PPM = 1_000_000n;

const more = (a: bigint, b: bigint): bigint => (a > b ? a : b);
const less = (a: bigint, b: bigint): bigint => (a < b ? a : b);

/** It waits too long: the network asks for more than it pays. */
export async function bumpBatch(options: PayoutOptions, batch: OpenBatch, height: number): Promise<void> {
  const { rail, rules } = options;
  const paid = batch.transactions.at(-1)!.satPerKvb;
  const { satPerKvb: asked } = await rail.feeRate(rules.targetBlocks);
  const satPerKvb = less(more(asked, (paid * rules.bumpStepPpm) / PPM), rules.maxSatPerKvb);
  if (satPerKvb <= paid) return;
  await replaceBatch(options, batch, { satPerKvb, height, inputs: await lookAtInputs(rail, batch) });
}

/**
 * No node has any of its transactions, and ours takes none. Where inputs were lost in a reorganisation, others take their
 * place; where the node asks for more than was paid, it gets more.
 */
export async function repairBatch(options: PayoutOptions, batch: OpenBatch, height: number): Promise<void> {
  const { rail, rules } = options;
  const paid = batch.transactions.at(-1)!.satPerKvb;
  const inputs = await lookAtInputs(rail, batch);
  const { satPerKvb: asked } = await rail.feeRate(rules.targetBlocks);
  const satPerKvb = more(paid, less(asked, rules.maxSatPerKvb));
  // Refused for another reason: what was refused once is not made again.
  if (inputs.lost.length === 0 && satPerKvb <= paid) return;
  await replaceBatch(options, batch, { satPerKvb, height, inputs });
}

interface Inputs {
  /** Of the newest transaction: in no chain and no mempool any more, or a stranger's. */
  readonly lost: readonly Outpoint[];
  /** Left out of the newest one, and there again. */
  readonly back: readonly Coin[];
}

async function lookAtInputs(rail: PaymentRail, batch: OpenBatch): Promise<Inputs> {
  const there = new Map((await rail.unspent('payouts')).map((coin) => [outpointKey(coin), coin]));
  const own = new Set(batch.transactions.map(({ txid }) => txid));
  const newest = readTransaction(batch.transactions.at(-1)!.signed).inputs;
  const lost: Outpoint[] = [];
  for (const input of newest) {
    if (there.has(outpointKey(input))) continue;
    const spender = await rail.spender(input);
    if (spender === undefined || !own.has(spender.txid)) lost.push(input);
  }
  const spent = new Set(newest.map(outpointKey));
  const others = batch.inputs.map(outpointKey).filter((key) => !spent.has(key));
  const back = others.flatMap((key) => there.get(key) ?? []).filter(({ confirmations }) => confirmations > 0);
  return { lost, back };
}

interface Replacing {
  readonly satPerKvb: bigint;
  readonly height: number;
  readonly inputs: Inputs;
}

async function replaceBatch(
  options: PayoutOptions,
  batch: OpenBatch,
  { satPerKvb, height, inputs: { lost, back } }: Replacing,
): Promise<void> {
  const { store, wallet, clock, onStep } = options;
  const nowMs = clock.nowMs();
  if (lost.some((input) => outpointKey(input) === outpointKey(batch.designated))) {
    await store.noteStep(batch.batchNo, 'designated-missing', { ...batch.designated }, nowMs);
    return;
  }
  const previous = batch.transactions.at(-1)!;
  const lastIndex = await watchWallet(options, batch.changeIndex);
  const changeScript = wallet.addressAt('p2wpkh', 'change', batch.changeIndex).script;
  const plan = planBump({
    previous: previousOf(batch, previous, changeScript),
    satPerKvb,
    dropped: lost,
    additionalCoins: [...back, ...(await freeCoins(options, lastIndex))],
    changeScript,
    descendantFeesSats: await feesOnTop(options, batch),
  });
  if (plan.outcome !== 'planned') {
    const missing = plan.outcome === 'short' ? { missingSats: String(plan.missingSats) } : {};
    await store.noteStep(batch.batchNo, 'not-replaced', { outcome: plan.outcome, ...missing }, nowMs);
    return;
  }
  const { transaction } = plan;
  const { txid, signed } = await signTransaction(options, transaction, lastIndex);
  checkSigned(signed, { payees: batch.payees, changeScript, designated: batch.designated });
  await onStep?.('bump-signed');
  const replacement = {
    replacementNo: previous.replacementNo + 1,
    txid,
    signed,
    feeSats: transaction.feeSats,
    satPerKvb: plan.satPerKvb,
    signedAtMs: nowMs,
    signedAtHeight: height,
  };
  const inputs = transaction.inputs.map((coin): PayoutInput => toInput(coin, options, lastIndex));
  if (!(await store.replace(batch.batchNo, replacement, inputs, nowMs))) return;
  await onStep?.('bump-stored');
  await sendBatch(options, { ...batch, transactions: [...batch.transactions, replacement] });
}

/** What other batches pay that spend this one's change: after a reorganisation they fall with what is replaced. */
async function feesOnTop({ store }: PayoutOptions, batch: OpenBatch): Promise<bigint> {
  const own = new Set(batch.transactions.map(({ txid }) => txid));
  const children = (await store.openBatches()).filter(({ inputs }) => inputs.some(({ txid }) => own.has(txid)));
  return children.reduce((sum, { transactions }) => sum + transactions.at(-1)!.feeSats, 0n);
}

function previousOf(batch: OpenBatch, { signed }: SignedTransaction, changeScript: string) {
  const { inputs, outputs } = readTransaction(signed);
  const known = new Map(batch.inputs.map((input) => [outpointKey(input), input]));
  const changeVout = outputs.findIndex(({ script }) => script === changeScript);
  return {
    hex: signed,
    // Confirmed when they were chosen: only such are spent.
    inputs: inputs.map((outpoint): Coin => ({ ...known.get(outpointKey(outpoint))!, confirmations: 1 })),
    designated: batch.designated,
    ...(changeVout !== -1 && { changeVout }),
  };
}
