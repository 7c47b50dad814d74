/** Orders that nobody needs any more, and counts for the metrics. */
import { sql } from 'drizzle-orm';
import type { Housekeeping } from '../../jobs/index.ts';
import type { Database } from './database.ts';
import { reconciliations } from './liabilities-schema.ts';
import { nodes, orders, vaults } from './schema.ts';

/** The rest follows with the next pass. */
const NODES_AT_ONCE = 1000;

export function createHousekeeping(database: Database): Housekeeping {
  return {
    /**
     * `committed` orders stay until their upload's `discard-upload` was carried out, too: a node that lost its cursor is told both again or neither,
     * and so never deletes what was committed.
     */
    async forgetCarriedOutOrders() {
      // Goes out from the few that end others, so that the many `committed` ones that wait are not looked at each time.
      const deleted = await database.execute<{ count: string }>(sql`
        WITH done AS (
          DELETE FROM ${orders} AS done USING ${nodes} AS node
          WHERE done.node_no = node.node_no AND done.order_no <= node.carried_out_order AND done.kind <> 'committed'
          RETURNING done.node_no, done.upload_id
        ), kept AS (
          DELETE FROM ${orders} AS kept USING done
          WHERE kept.node_no = done.node_no AND kept.upload_id = done.upload_id AND kept.kind = 'committed'
          RETURNING 1
        )
        SELECT (SELECT count(*) FROM done) + (SELECT count(*) FROM kept) AS count`);
      return Number(deleted.rows[0]?.count ?? 0);
    },
    async forgetUnusedNodes(lastSeenBeforeMs) {
      // Whoever opens an upload with one of them meanwhile is safe: its row would be locked or named, and so it stays.
      const deleted = await database.execute(sql`
        DELETE FROM ${nodes} WHERE node_no IN (
          SELECT node_no FROM ${nodes} AS node
          WHERE NOT is_reached AND last_order = 0 AND last_seen_at_ms < ${lastSeenBeforeMs}
            AND stored_bytes = 0 AND reserved_bytes = 0
            AND NOT EXISTS (SELECT 1 FROM upload_nodes WHERE upload_nodes.node_no = node.node_no)
          LIMIT ${NODES_AT_ONCE} FOR UPDATE SKIP LOCKED)`);
      return deleted.rowCount ?? 0;
    },
    async count() {
      const byState = await database.execute<{ state: string; count: string; reserved: string; waiting: string }>(sql`
        SELECT CASE WHEN is_reached THEN state ELSE 'unreached' END AS state, count(*) AS count,
          sum(reserved_bytes) AS reserved, sum(last_order - carried_out_order) AS waiting
        FROM ${nodes} GROUP BY 1`);
      const [kept] = (
        await database.execute<{ vaults: string; packs: string; bytes: string }>(sql`
          SELECT count(*) AS vaults, coalesce(sum(pack_count), 0) AS packs, coalesce(sum(stored_bytes), 0) AS bytes
          FROM ${vaults}`)
      ).rows;
      const [audits] = (
        await database.execute<{ open: string; balanced: string }>(sql`
          SELECT (SELECT count(*) FROM ${reconciliations} WHERE state = 'differs') AS open,
            coalesce((SELECT checked_at_ms FROM ${reconciliations} WHERE state = 'balanced'
              ORDER BY number DESC LIMIT 1), 0) AS balanced`)
      ).rows;
      const sumOf = (key: 'reserved' | 'waiting'): number =>
        byState.rows.reduce((sum, row) => sum + Number(row[key]), 0);
      return {
        nodesByState: Object.fromEntries(byState.rows.map(({ state, count }) => [state, Number(count)])),
        reservedBytes: sumOf('reserved'),
        waitingOrders: sumOf('waiting'),
        vaults: Number(kept?.vaults ?? 0),
        packs: Number(kept?.packs ?? 0),
        storedBytes: Number(kept?.bytes ?? 0),
        openDifferences: Number(audits?.open ?? 0),
        balancedAtMs: Number(audits?.balanced ?? 0),
      };
    },
  };
}
