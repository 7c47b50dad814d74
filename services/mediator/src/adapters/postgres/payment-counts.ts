/** Counts of deposits and payouts for the metrics. */
import { sql } from 'drizzle-orm';
import type { Outpoint } from '../../rail/index.ts';
import type { Database } from './database.ts';
import { listTakenInputs } from './payout-rows.ts';

export interface PaymentCounts {
  readonly deposits: readonly { readonly state: string; readonly count: number; readonly sats: number }[];
  /** Batches. */
  readonly payouts: readonly { readonly state: string; readonly count: number }[];
  /** When the oldest batch that is in no block yet was signed. */
  readonly oldestUnconfirmedMs?: number;
  readonly pausedBy: readonly string[];
  /** Outputs that open batches spend. */
  readonly taken: readonly Outpoint[];
}

export async function countPayments(database: Database): Promise<PaymentCounts> {
  const deposits = await database.execute<{ state: string; count: string; sats: string }>(
    sql`SELECT state, count(*) AS count, sum(sats) AS sats FROM deposits GROUP BY state`,
  );
  const payouts = await database.execute<{ state: string; count: string }>(
    sql`SELECT state, count(*) AS count FROM payout_batches GROUP BY state`,
  );
  const oldest = await database.execute<{ at_ms: string | null }>(
    sql`SELECT min(planned_at_ms) AS at_ms FROM payout_batches WHERE state IN ('signed', 'broadcast')`,
  );
  const controls = await database.execute<{ paused_by: string }>(sql`SELECT paused_by FROM payout_controls`);
  const oldestMs = oldest.rows[0]?.at_ms ?? null;
  return {
    deposits: deposits.rows.map(({ state, count, sats }) => ({ state, count: Number(count), sats: Number(sats) })),
    payouts: payouts.rows.map(({ state, count }) => ({ state, count: Number(count) })),
    ...(oldestMs !== null && { oldestUnconfirmedMs: Number(oldestMs) }),
    pausedBy: controls.rows.map((row) => row.paused_by),
    taken: await listTakenInputs(database),
  };
}
