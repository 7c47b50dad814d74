/** How long clients' money lasts, from what is available and what their agreements' next terms will cost. */
import { msat, periodAt } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { ClientRunway } from '../../agreements/index.ts';
import { findRunway, type Renewal, runwayWarning } from '../../ledger/index.ts';
import { hexArray } from './columns.ts';
import type { Database } from './database.ts';
import type { Money } from './ledger.ts';
import { agreements, ledgerAccounts } from './ledger-schema.ts';
import { nodes } from './schema.ts';

const HORIZON_DAYS = 365;
const DAY_MS = 86_400_000;
/** Clients looked at in one query. */
const BATCH = 500;

interface Row extends Record<string, unknown> {
  client_id: Buffer;
  available: string;
  end_period: number | null;
  cost: string;
}

/** In the order given. */
export async function readRunways(
  database: Database,
  { rules, unit }: Money,
  nowMs: number,
  clientIds: readonly string[],
): Promise<ClientRunway[]> {
  const period = periodAt(nowMs, rules.periodMs);
  const { rows } = await database.execute<Row>(sql`
    SELECT c.client_id, coalesce(max(l.balance_msat), 0) AS available, a.end_period,
      coalesce(sum(div(a.stored_bytes::numeric * n.price_sat_per_tb_month * ${unit.numerator}::numeric
        * ${rules.termPeriods}::int, ${unit.denominator}::numeric)), 0) AS cost
    FROM unnest(${hexArray(clientIds)}) AS c(client_id)
    LEFT JOIN ${ledgerAccounts} l ON l.kind = 'available' AND l.client_id = c.client_id
    LEFT JOIN ${agreements} a ON a.client_id = c.client_id AND a.state IN ('active', 'grace') AND a.stored_bytes > 0
    LEFT JOIN ${nodes} n ON n.node_no = a.node_no
    GROUP BY c.client_id, a.end_period`);
  const renewals = new Map<string, { availableMsat: bigint; due: Renewal[] }>();
  for (const row of rows) {
    const clientId = row.client_id.toString('hex');
    const known = renewals.get(clientId) ?? { availableMsat: BigInt(row.available), due: [] };
    renewals.set(clientId, known);
    if (row.end_period === null) continue;
    const endPeriod = row.end_period;
    known.due.push({ duePeriod: endPeriod - rules.gracePeriods, endPeriod, costMsat: BigInt(row.cost) });
  }
  const horizonPeriod = period + Math.floor((HORIZON_DAYS * DAY_MS) / rules.periodMs);
  return clientIds.map((clientId) => {
    const { availableMsat, due } = renewals.get(clientId)!;
    const { untilPeriod, missingMsat } = findRunway(availableMsat, due, {
      termPeriods: rules.termPeriods,
      horizonPeriod,
    });
    if (untilPeriod === undefined) return { clientId, missingMsat: msat(missingMsat) };
    const daysLeft = Math.max(0, (untilPeriod * rules.periodMs - nowMs) / DAY_MS);
    const warningDays = runwayWarning(daysLeft);
    return {
      clientId,
      missingMsat: msat(missingMsat),
      daysLeft,
      ...(warningDays !== undefined && { warningDays, warningKey: `runway ${clientId} ${untilPeriod} ${warningDays}` }),
    };
  });
}

export async function listLowRunways(
  database: Database,
  money: Money,
  nowMs: number,
  { after, limit }: { after?: string; limit: number },
): Promise<ClientRunway[]> {
  const low: ClientRunway[] = [];
  for (let last = after; low.length < limit;) {
    const { rows } = await database.execute<{ client_id: Buffer }>(sql`
      SELECT client_id FROM ${ledgerAccounts} WHERE kind = 'available'
        ${last === undefined ? sql`` : sql`AND client_id > ${Buffer.from(last, 'hex')}`}
      ORDER BY client_id LIMIT ${BATCH}`);
    const clientIds = rows.map(({ client_id }) => client_id.toString('hex'));
    const runways = await readRunways(database, money, nowMs, clientIds);
    low.push(...runways.filter(({ warningDays }) => warningDays !== undefined));
    last = clientIds.at(-1);
    if (clientIds.length < BATCH) break;
  }
  return low.slice(0, limit);
}
