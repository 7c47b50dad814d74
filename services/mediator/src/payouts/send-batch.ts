/** Gives the node what was signed and stored. */
import { HoldfastError } from '@holdfast/protocol';
import type { OpenBatch } from './ports.ts';
import type { PayoutOptions } from './settings.ts';

/**
 * The newest first; an older one where the node will not have it. All of them pay the same payees, once. False: the node
 * has none of them.
 */
export async function sendBatch(options: PayoutOptions, batch: OpenBatch): Promise<boolean> {
  const { rail, store, clock, logger, onStep } = options;
  for (const { txid, signed, replacementNo } of batch.transactions.toReversed()) {
    const isBump = replacementNo > 0;
    try {
      await rail.broadcast(signed);
      await onStep?.(isBump ? 'bump-sent' : 'sent');
      await store.markBroadcast(batch.batchNo, txid, clock.nowMs());
      await onStep?.(isBump ? 'bump-noted' : 'noted');
      return true;
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'rail.rejected') throw error;
      const detail = error.message;
      await store.noteStep(batch.batchNo, 'rejected', { txid, detail }, clock.nowMs());
      logger.warn({ batchId: batch.batchId, txid, detail }, 'the node does not take a payout; it is sent again');
    }
  }
  return false;
}
