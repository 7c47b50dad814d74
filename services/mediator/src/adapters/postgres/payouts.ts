/** Payouts in Postgres. What moves money stands in payout-bookings.ts, what only reads in payout-rows.ts. */
import { fail } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { Pause, PayoutStore } from '../../payouts/index.ts';
import { runAlone } from './alone.ts';
import { hexArray } from './columns.ts';
import { type Database, inTransaction } from './database.ts';
import { SETTLED_CONFIRMATIONS } from './deposits-rows.ts';
import { deposits, depositWatch } from './deposits-schema.ts';
import {
  beginBatch,
  bookExtraFees,
  finishBatch,
  markBroadcast,
  markConfirmed,
  noteStep,
  storeReplacement,
  voidBatch,
} from './payout-bookings.ts';
import {
  findBatch,
  listBatches,
  listCandidates,
  listOpenBatches,
  listPaymentsToNode,
  listTakenInputs,
} from './payout-rows.ts';

export function createPayoutStore(database: Database): PayoutStore {
  return {
    asOnlyBuilder: async (run) => (await runAlone(database, 'payouts', () => run().then(() => true))) ?? false,
    candidates: (nowMs) => listCandidates(database, nowMs),
    unsureClients: (tipHash) => listUnsureClients(database, tipHash),
    takenInputs: () => listTakenInputs(database),
    async nextChangeIndex() {
      const { rows } = await database.execute<{ next: number }>(
        sql`SELECT coalesce(max(change_index) + 1, 0) AS next FROM payout_batches`,
      );
      return rows[0]!.next;
    },
    async unexplained(txids) {
      const { rows } = await database.execute<{ txid: Buffer }>(sql`
        SELECT DISTINCT t.txid FROM unnest(${hexArray(txids)}) AS t(txid)
        WHERE NOT EXISTS (SELECT FROM payout_transactions p WHERE p.txid = t.txid)
          AND NOT EXISTS (SELECT FROM wallet_movements m WHERE m.txid = t.txid)`);
      return rows.map(({ txid }) => txid.toString('hex'));
    },
    async paidSince(sinceMs) {
      const { rows } = await database.execute<{ sats: string }>(sql`
        SELECT coalesce(sum(gross_sats), 0) AS sats FROM payout_batches
        WHERE planned_at_ms >= ${sinceMs} AND state <> 'voided'`);
      return BigInt(rows[0]!.sats);
    },
    async firstBegunAtMs() {
      const { rows } = await database.execute<{ first: string | null }>(
        sql`SELECT min(planned_at_ms) AS first FROM payout_batches`,
      );
      const first = rows[0]!.first;
      return first === null ? undefined : Number(first);
    },
    async hasBegunBetween(sinceMs, beforeMs) {
      const { rows } = await database.execute(sql`
        SELECT FROM payout_batches
        WHERE planned_at_ms >= ${sinceMs} AND planned_at_ms < ${beforeMs} AND state <> 'voided' LIMIT 1`);
      return rows.length > 0;
    },
    begin: (batch, nowMs) => beginBatch(database, batch, nowMs),
    replace: (batchNo, transaction, inputs, nowMs) => storeReplacement(database, batchNo, transaction, inputs, nowMs),
    markBroadcast: (batchNo, txid, nowMs) => markBroadcast(database, batchNo, txid, nowMs),
    markConfirmed: (batchNo, txid, nowMs) => markConfirmed(database, batchNo, txid, nowMs),
    finish: (batchNo, txid, nowMs) => finishBatch(database, batchNo, txid, nowMs),
    void: (batchNo, foreignTxid, nowMs) => voidBatch(database, batchNo, foreignTxid, nowMs),
    noteStep: (batchNo, step, data, nowMs) => noteStep(database, batchNo, step, data, nowMs),
    bookExtraFees: (nowMs) => bookExtraFees(database, nowMs),
    openBatches: () => listOpenBatches(database),
    ...createControls(database),
    listBatches: (page) => listBatches(database, page),
    findBatch: (batchId) => findBatch(database, batchId),
    paymentsToNode: (nodeId, page) => listPaymentsToNode(database, nodeId, page),
  };
}

async function listUnsureClients(database: Database, tipHash: string): Promise<Set<string>> {
  const { rows } = await database.execute<{ client_id: Buffer }>(sql`
    SELECT DISTINCT d.client_id FROM ${deposits} d
    WHERE d.state = 'credited' AND d.confirmations < ${SETTLED_CONFIRMATIONS}::int
      AND (d.confirmations < d.required_confirmations
        OR (SELECT w.tip_hash FROM ${depositWatch} w) IS DISTINCT FROM ${tipHash})
      AND EXISTS (SELECT FROM withdrawals w WHERE w.client_id = d.client_id AND w.state = 'waiting')`);
  return new Set(rows.map((row) => row.client_id.toString('hex')));
}

function createControls(database: Database): Pick<PayoutStore, 'pauses' | 'pause' | 'resume' | 'approve'> {
  return {
    async pauses() {
      const { rows } = await database.execute<{ paused_by: Pause['pausedBy']; reason: string; paused_at_ms: string }>(
        sql`SELECT paused_by, reason, paused_at_ms FROM payout_controls ORDER BY paused_by`,
      );
      return rows.map((row) => ({
        pausedBy: row.paused_by,
        reason: row.reason,
        pausedAtMs: Number(row.paused_at_ms),
      }));
    },
    async pause({ pausedBy, reason, pausedAtMs }) {
      await database.execute(sql`
        INSERT INTO payout_controls (paused_by, reason, paused_at_ms) VALUES (${pausedBy}, ${reason}, ${pausedAtMs})
        ON CONFLICT (paused_by) DO UPDATE SET reason = excluded.reason`);
    },
    async resume(pausedBy) {
      await database.execute(sql`DELETE FROM payout_controls WHERE paused_by = ${pausedBy}`);
    },
    approve: (whom, { upToSats, approvedBy, note }, nowMs) =>
      inTransaction(database, async (tx) => {
        const { rows } = await tx.execute<{ node_no: number | null; withdrawal_no: number | null }>(
          'nodeId' in whom
            ? sql`SELECT node_no, NULL::int AS withdrawal_no FROM nodes WHERE node_id = ${Buffer.from(whom.nodeId, 'hex')}`
            : sql`SELECT NULL::int AS node_no, withdrawal_no FROM withdrawals
                WHERE withdrawal_id = ${Buffer.from(whom.withdrawalId, 'hex')} AND state = 'waiting'`,
        );
        const [row] = rows;
        if (row === undefined) {
          throw 'nodeId' in whom ? fail('node.unknown', whom) : fail('withdrawal.unknown', whom);
        }
        await tx.execute(sql`
          DELETE FROM payout_approvals WHERE used_by IS NULL AND (node_no = ${row.node_no} OR withdrawal_no = ${row.withdrawal_no})`);
        await tx.execute(sql`
          INSERT INTO payout_approvals (node_no, withdrawal_no, up_to_sats, approved_by, note, approved_at_ms)
          VALUES (${row.node_no}, ${row.withdrawal_no}, ${upToSats}, ${Buffer.from(approvedBy, 'hex')}, ${note}, ${nowMs})`);
      }),
  };
}
