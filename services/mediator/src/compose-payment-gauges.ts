/** What the metrics say of money on its way in and out. */
import type { Clock, Metrics } from '@holdfast/platform';
import { outpointKey } from '@holdfast/bitcoin';
import type { Database } from './adapters/postgres/database.ts';
import { countPayments, type PaymentCounts } from './adapters/postgres/payment-counts.ts';
import { type PaymentRail, unlessLate } from './rail/index.ts';

const DEPOSIT_STATES = ['seen', 'credited', 'reversed', 'gone'];
const PAYOUT_STATES = ['signed', 'broadcast', 'confirmed', 'final', 'voided'];
const PAUSES = ['admin', 'reconciliation'];

/** Asks when somebody asks for the metrics; while the database or the Bitcoin node is away, the last numbers stand. */
export function createPaymentGauges(
  metrics: Metrics,
  { database, clock, rail }: { readonly database: Database; readonly clock: Clock; readonly rail?: PaymentRail },
): () => Promise<void> {
  const deposits = metrics.gauge('deposits', 'Deposits by state.', ['state']);
  const depositSats = metrics.gauge('deposits_sats', 'What deposits came to, by state.', ['state']);
  const payouts = metrics.gauge('payout_batches', 'Batches of payouts by state.', ['state']);
  const age = metrics.gauge(
    'payout_oldest_unconfirmed_seconds',
    'How long ago the oldest batch was signed that no block has; 0: there is none.',
  );
  const paused = metrics.gauge('payouts_paused', '1 while payouts are paused by that one.', ['by']);
  const spendable =
    rail && metrics.gauge('hot_wallet_spendable_sats', 'Confirmed money of the hot wallet that no open batch spends.');
  return async () => {
    const counts = await countPayments(database).catch(() => undefined);
    if (counts === undefined) return;
    for (const state of DEPOSIT_STATES) {
      const found = counts.deposits.find((one) => one.state === state);
      deposits.set({ state }, found?.count ?? 0);
      depositSats.set({ state }, found?.sats ?? 0);
    }
    for (const state of PAYOUT_STATES) {
      payouts.set({ state }, counts.payouts.find((one) => one.state === state)?.count ?? 0);
    }
    const { oldestUnconfirmedMs } = counts;
    age.set(oldestUnconfirmedMs === undefined ? 0 : Math.max(0, clock.nowMs() - oldestUnconfirmedMs) / 1_000);
    for (const by of PAUSES) paused.set({ by }, counts.pausedBy.includes(by) ? 1 : 0);
    const sats = rail && (await unlessLate(spendableSats(rail, counts)));
    if (sats !== undefined) spendable?.set(Number(sats));
  };
}

/** Undefined: the node does not say. */
async function spendableSats(rail: PaymentRail, { taken }: PaymentCounts): Promise<bigint | undefined> {
  const spent = new Set(taken.map(outpointKey));
  const coins = await rail.unspent('payouts').catch(() => undefined);
  return coins
    ?.filter((coin) => coin.confirmations > 0 && !spent.has(outpointKey(coin)))
    .reduce((sum, { sats }) => sum + sats, 0n);
}
