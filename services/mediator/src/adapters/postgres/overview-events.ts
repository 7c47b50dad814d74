/** Events in the order in which everybody sees them. */
import { sql } from 'drizzle-orm';
import type { EventPlace, EventRecord, Scope } from '../../overview/index.ts';
import { events } from './challenge-schema.ts';
import type { Database } from './database.ts';

interface EventRow extends Record<string, unknown> {
  made_in_text: string;
  event_no: string;
  kind: string;
  happened_at_ms: string;
  node_id: string | null;
  client_id: string | null;
  data: Record<string, unknown>;
}

export async function eventsAfter(
  database: Database,
  { place, until }: { place: EventPlace; until: EventPlace },
  scope: Scope,
  limit: number,
): Promise<EventRecord[]> {
  const { rows } = await database.execute<EventRow>(sql`
    SELECT made_in::text AS made_in_text, event_no, kind, happened_at_ms, encode(node_id, 'hex') AS node_id,
      encode(client_id, 'hex') AS client_id, data
    FROM ${events}
    WHERE (made_in, event_no) > (${String(place.madeIn)}::xid8, ${place.eventNo}::bigint)
      AND (made_in, event_no) <= (${String(until.madeIn)}::xid8, ${until.eventNo}::bigint) AND ${concerns(scope)}
    ORDER BY made_in, event_no LIMIT ${limit}`);
  return rows.map((row) => ({
    place: { madeIn: BigInt(row.made_in_text), eventNo: BigInt(row.event_no) },
    kind: row.kind,
    happenedAtMs: Number(row.happened_at_ms),
    ...(row.node_id !== null && { nodeId: row.node_id }),
    ...(row.client_id !== null && { clientId: row.client_id }),
    data: row.data,
  }));
}

function concerns(scope: Scope) {
  if (scope === 'all') return sql`true`;
  return 'nodeId' in scope
    ? sql`node_id = ${Buffer.from(scope.nodeId, 'hex')}`
    : sql`client_id = ${Buffer.from(scope.clientId, 'hex')}`;
}

/**
 * Transactions end in another order than they begin: only what was made before the oldest one that is still open
 * counts, so that nothing is ever inserted behind a reader.
 */
export async function eventsEnd(database: Database): Promise<EventPlace> {
  const { rows } = await database.execute<{ made_in_text: string; event_no: string }>(sql`
    SELECT made_in::text AS made_in_text, event_no FROM ${events}
    WHERE made_in < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY made_in DESC, event_no DESC LIMIT 1`);
  const [row] = rows;
  return row === undefined
    ? { madeIn: 0n, eventNo: 0n }
    : { madeIn: BigInt(row.made_in_text), eventNo: BigInt(row.event_no) };
}
