/** Takes an open batch one step on: sent, sent again, bumped, noted, finished, or made void. Any step may be repeated. */
import { type Coin, outpointKey, planBump, readTransaction } from '@holdfast/bitcoin';
import { HoldfastError } from '@holdfast/protocol';
import type { Tip, TransactionState } from '../rail/index.ts';
import { freeCoins, toInput, watchWallet } from './build-batches.ts';
import { decideStep } from './decide-step.ts';
import type { OpenBatch, SignedTransaction } from './ports.ts';
import type { PayoutOptions } from './settings.ts';
import { checkSigned, signTransaction } from './sign-transaction.ts';

export interface AdvanceTerms {
  readonly tip: Tip;
  /** Nothing new leaves: what no node has seen yet stays here, and nothing is bumped. */
  readonly isPaused: boolean;
}

export async function advanceBatch(options: PayoutOptions, batch: OpenBatch, terms: AdvanceTerms): Promise<void> {
  const { store, rules, clock, onStep } = options;
  const { batchNo } = batch;
  const next = decideStep(batch, await look(options, batch, terms.tip.height), rules);
  switch (next.step) {
    case 'finish':
      await onStep?.('before-final');
      await store.finish(batchNo, next.txid, clock.nowMs());
      await onStep?.('final');
      return;
    case 'note-confirmed':
      await onStep?.('before-confirmed');
      await store.markConfirmed(batchNo, next.txid, clock.nowMs());
      await onStep?.('confirmed');
      return;
    case 'void':
      await onStep?.('before-void');
      await store.void(batchNo, next.foreignTxid, clock.nowMs());
      await onStep?.('void');
      options.logger.error({ batchId: batch.batchId, foreignTxid: next.foreignTxid }, 'a payout was made void');
      return;
    case 'conflicted':
      await store.noteStep(batchNo, 'conflicted', { foreignTxid: next.foreignTxid }, clock.nowMs());
      options.logger.error({ batchId: batch.batchId, foreignTxid: next.foreignTxid }, 'a stranger spends our output');
      return;
    case 'note-broadcast':
      await store.markBroadcast(batchNo, next.txid, clock.nowMs());
      return;
    case 'broadcast':
      if (!terms.isPaused || batch.state !== 'signed') await sendBatch(options, batch);
      return;
    case 'bump':
      if (!terms.isPaused) await bumpBatch(options, batch, terms.tip.height);
      return;
    case 'wait':
  }
}

async function look({ rail }: PayoutOptions, batch: OpenBatch, height: number) {
  const found = new Map<string, TransactionState>();
  for (const { txid } of batch.transactions) {
    const state = await rail.transaction(txid);
    if (state !== undefined) found.set(txid, state);
  }
  return { height, found, spender: await rail.spender(batch.designated) };
}

/** The newest first; an older one where the node will not have it. All of them pay the same payees, once. */
export async function sendBatch(options: PayoutOptions, batch: OpenBatch): Promise<void> {
  const { rail, store, clock, logger, onStep } = options;
  for (const { txid, signed, replacementNo } of batch.transactions.toReversed()) {
    const isBump = replacementNo > 0;
    try {
      await rail.broadcast(signed);
      await onStep?.(isBump ? 'bump-sent' : 'sent');
      await store.markBroadcast(batch.batchNo, txid, clock.nowMs());
      await onStep?.(isBump ? 'bump-noted' : 'noted');
      return;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'rail.rejected') throw error;
      const detail = error.message;
      await store.noteStep(batch.batchNo, 'rejected', { txid, detail }, clock.nowMs());
      logger.warn({ batchId: batch.batchId, txid, detail }, 'the node does not take a payout; it is sent again');
    }
  }
}

const PPM = 1_000_000n;

async function bumpBatch(options: PayoutOptions, batch: OpenBatch, height: number): Promise<void> {
  const { rail, store, rules, wallet, clock, onStep } = options;
  const previous = batch.transactions.at(-1)!;
  const estimate = await rail.feeRate(rules.targetBlocks);
  const stepped = (previous.satPerKvb * rules.bumpStepPpm) / PPM;
  const wanted = estimate.satPerKvb > stepped ? estimate.satPerKvb : stepped;
  const satPerKvb = wanted < rules.maxSatPerKvb ? wanted : rules.maxSatPerKvb;
  if (satPerKvb <= previous.satPerKvb) return;
  const lastIndex = await watchWallet(options, batch.changeIndex);
  const changeScript = wallet.addressAt('p2wpkh', 'change', batch.changeIndex).script;
  const plan = planBump({
    previous: { ...previousOf(batch, previous, changeScript) },
    satPerKvb,
    additionalCoins: await freeCoins(options, lastIndex),
    changeScript,
  });
  const nowMs = clock.nowMs();
  if (plan.outcome !== 'planned') {
    await store.noteStep(batch.batchNo, 'not-bumped', { outcome: plan.outcome }, nowMs);
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
  const inputs = transaction.inputs.map((coin) => toInput(coin, options, lastIndex));
  if (!(await store.replace(batch.batchNo, replacement, inputs, nowMs))) return;
  await onStep?.('bump-stored');
  await sendBatch(options, { ...batch, transactions: [...batch.transactions, replacement] });
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
