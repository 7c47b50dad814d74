/** Takes an open batch one step on: sent, sent again, replaced, noted, finished, or made void. Any step may be repeated. */
import type { Tip, TransactionState } from '../rail/index.ts';
import { adoptReplacement } from './adopt-replacement.ts';
import { decideStep } from './decide-step.ts';
import type { OpenBatch } from './ports.ts';
import { bumpBatch, repairBatch } from './replace-batch.ts';
import { sendBatch } from './send-batch.ts';
import type { PayoutOptions } from './settings.ts';

export interface AdvanceTerms {
  readonly tip: Tip;
  /** Nothing new leaves: what no node has seen yet stays here, and nothing is bumped. */
  readonly isPaused: boolean;
}

export async function advanceBatch(options: PayoutOptions, batch: OpenBatch, terms: AdvanceTerms): Promise<void> {
  const { store, rules, clock, onStep } = options;
  const { batchNo } = batch;
  const next = decideStep(batch, await look(options, batch, terms.tip.height), rules);
  const isForeign = next.step === 'void' || next.step === 'conflicted';
  if (isForeign && (await adoptReplacement(options, batch, next.foreignTxid, terms.tip.height))) return;
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
      options.logger.error({ batchId: batch.batchId, foreignTxid: next.foreignTxid }, 'a stranger has our output');
      return;
    case 'note-broadcast':
      await store.markBroadcast(batchNo, next.txid, clock.nowMs());
      return;
    case 'broadcast':
      if (terms.isPaused && batch.state === 'signed') return;
      if (!(await sendBatch(options, batch)) && !terms.isPaused) await repairBatch(options, batch, terms.tip.height);
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
  const spender = await rail.spender(batch.designated);
  // Neither spent nor known to be spent: is it there at all?
  const isLost = found.size === 0 && spender === undefined;
  const rival = isLost ? await rail.rival(batch.designated.txid) : undefined;
  return { height, found, spender, rival };
}
