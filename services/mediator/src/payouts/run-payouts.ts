/**
 * The work of paying out: what is open goes one step on, then what is due is begun. What there is to do lies in rows and
 * on the chain, so it may run at any time, in any process, and die anywhere; one process at a time does it.
 */
import { HoldfastError } from '@holdfast/protocol';
import { advanceBatch } from './advance-batch.ts';
import { buildBatches, watchWallet } from './build-batches.ts';
import { sendBatch } from './send-batch.ts';
import type { PayoutOptions } from './settings.ts';

export async function runPayouts(options: PayoutOptions): Promise<void> {
  await options.store.asOnlyBuilder(() => orLater(options, () => runRound(options)));
}

async function runRound(options: PayoutOptions): Promise<void> {
  const { store, rail, logger } = options;
  const state = await rail.state();
  if (state.state !== 'ready') {
    logger.info({ rail: state.state }, 'payouts wait for the chain');
    return;
  }
  await watchWallet(options, await store.nextChangeIndex());
  const isPaused = (await store.pauses()).length > 0;
  for (const batch of await store.openBatches()) {
    await orLater(options, () => advanceBatch(options, batch, { tip: state.tip, isPaused }));
  }
  await store.bookExtraFees(options.clock.nowMs());
  await options.onStep?.('fees-booked');
  if (isPaused) return;
  for (const batch of await buildBatches(options, state.tip)) {
    // Signing takes time, and people: what was paused meanwhile stays here.
    if ((await store.pauses()).length > 0) return;
    await sendBatch(options, batch);
  }
}

/** Troubles with chain or signer keep nobody else’s payout; the next round tries again from the rows. */
async function orLater({ logger }: PayoutOptions, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof HoldfastError) || !CONCERNS_ONE.test(error.code)) throw error;
    const told = { code: error.code, detail: error.message };
    // A signer that changes what it signs, or a plan that makes no sense: somebody has to look at it.
    if (error.code.startsWith('transaction.')) logger.error(told, 'a payout cannot be signed as it was planned');
    else logger.warn(told, 'a payout waits for the next round');
  }
}

const CONCERNS_ONE = /^(?:rail|payout|transaction)\./;
