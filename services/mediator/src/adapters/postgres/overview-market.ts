/** The market in figures. */
import { msat } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { MarketFigures } from '../../overview/index.ts';
import type { Database } from './database.ts';
import { agreements, ledgerAccounts, settlements } from './ledger-schema.ts';
import { nodes, vaults } from './schema.ts';

interface NodesRow extends Record<string, unknown> {
  by_state: Record<string, number> | null;
  online: string;
  capacity: string;
  stored: string;
  reserved: string;
  lowest: string | null;
  median: string | null;
  highest: string | null;
}

const MAX_REGIONS = 100;
/** As offers count them: nobody is shown data on a node that was never reached. */
const STATE = sql`CASE WHEN NOT is_reached AND state IN ('vetting', 'active') THEN 'unreached' ELSE state END`;
const TAKES_DATA = sql`is_reached AND state IN ('vetting', 'active')`;

export async function readMarket(database: Database, nowMs: number, offlineAfterMs: number): Promise<MarketFigures> {
  const [figures, regions, counts, byState, lastPeriod] = await Promise.all([
    readNodes(database, nowMs - offlineAfterMs),
    readRegions(database),
    database.execute<{ clients: string; vaults: string }>(
      sql`SELECT count(DISTINCT client_id) AS clients, count(*) AS vaults FROM ${vaults}`,
    ),
    database.execute<{ state: string; count: string; stored: string; held: string }>(sql`
      SELECT a.state, count(*) AS count, coalesce(sum(a.stored_bytes), 0) AS stored, coalesce(sum(h.balance_msat), 0) AS held
      FROM ${agreements} a JOIN ${ledgerAccounts} h ON h.account_no = a.hold_no GROUP BY a.state`),
    readLastPeriod(database),
  ]);
  const running = byState.rows.filter(({ state }) => state !== 'ended' && state !== 'renewed');
  return {
    ...figures,
    regions,
    clients: Number(counts.rows[0]!.clients),
    vaults: Number(counts.rows[0]!.vaults),
    agreements: {
      byState: Object.fromEntries(byState.rows.map(({ state, count }) => [state, Number(count)])),
      storedBytes: running.reduce((sum, { stored }) => sum + Number(stored), 0),
      heldMsat: msat(byState.rows.reduce((sum, { held }) => sum + BigInt(held), 0n)),
    },
    ...(lastPeriod !== undefined && { lastPeriod }),
  };
}

async function readNodes(database: Database, seenSinceMs: number) {
  const { rows } = await database.execute<NodesRow>(sql`
    SELECT (SELECT jsonb_object_agg(state, count) FROM
        (SELECT ${STATE} AS state, count(*) AS count FROM ${nodes} GROUP BY 1) AS states) AS by_state,
      count(*) FILTER (WHERE last_seen_at_ms >= ${seenSinceMs}) AS online,
      coalesce(sum(capacity_bytes) FILTER (WHERE ${TAKES_DATA}), 0) AS capacity,
      coalesce(sum(stored_bytes), 0) AS stored, coalesce(sum(reserved_bytes), 0) AS reserved,
      min(price_sat_per_tb_month) FILTER (WHERE ${TAKES_DATA}) AS lowest,
      percentile_disc(0.5) WITHIN GROUP (ORDER BY price_sat_per_tb_month) FILTER (WHERE ${TAKES_DATA}) AS median,
      max(price_sat_per_tb_month) FILTER (WHERE ${TAKES_DATA}) AS highest
    FROM ${nodes}`);
  const row = rows[0]!;
  const { lowest, median, highest } = row;
  return {
    nodesByState: row.by_state ?? {},
    onlineNodes: Number(row.online),
    capacityBytes: Number(row.capacity),
    storedBytes: Number(row.stored),
    reservedBytes: Number(row.reserved),
    ...(lowest !== null &&
      median !== null &&
      highest !== null && { prices: { lowest: BigInt(lowest), median: BigInt(median), highest: BigInt(highest) } }),
  };
}

async function readRegions(database: Database): Promise<MarketFigures['regions']> {
  const { rows } = await database.execute<{ region: string; nodes: string; capacity: string; stored: string }>(sql`
    SELECT region, count(*) AS nodes, sum(capacity_bytes) AS capacity, sum(stored_bytes) AS stored FROM ${nodes}
    WHERE ${TAKES_DATA} GROUP BY region ORDER BY capacity DESC, region LIMIT ${MAX_REGIONS}`);
  return rows.map((row) => ({
    region: row.region,
    nodes: Number(row.nodes),
    capacityBytes: Number(row.capacity),
    storedBytes: Number(row.stored),
  }));
}

async function readLastPeriod(database: Database): Promise<MarketFigures['lastPeriod']> {
  const { rows } = await database.execute<
    Record<'period' | 'verdict' | 'count' | 'due' | 'earned' | 'withheld' | 'commission', string>
  >(sql`
    SELECT period, verdict, count(*) AS count, sum(due_msat) AS due, sum(earned_msat) AS earned,
      sum(withheld_msat) AS withheld, sum(commission_msat) AS commission
    FROM ${settlements} WHERE period = (SELECT max(last_settled_period) FROM ledger_nodes) GROUP BY period, verdict`);
  if (rows[0] === undefined) return undefined;
  const sum = (name: 'due' | 'earned' | 'withheld' | 'commission') =>
    msat(rows.reduce((total, row) => total + BigInt(row[name]), 0n));
  return {
    period: Number(rows[0].period),
    byVerdict: Object.fromEntries(rows.map(({ verdict, count }) => [verdict, Number(count)])),
    dueMsat: sum('due'),
    earnedMsat: sum('earned'),
    withheldMsat: sum('withheld'),
    commissionMsat: sum('commission'),
  };
}
