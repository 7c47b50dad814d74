/** How a discarded upload is settled: by what its nodes say lay there, or, after a time, without those that are silent. */
import type { UncommittedBytes } from '@holdfast/protocol';
import { eq, sql } from 'drizzle-orm';
import { releaseUpload, settleUpload } from './agreements-uploads.ts';
import type { Database, Transaction } from './database.ts';
import type { Money } from './ledger.ts';
import { uploadOffers, uploadReserves } from './ledger-schema.ts';
import { nodes, uploads } from './schema.ts';

/** Its nodes were told to delete what was not committed. Where nothing was left to commit there is nothing to be said: it is settled at once. */
export async function awaitAnswers(tx: Transaction, money: Money, uploadId: string, nowMs: number): Promise<void> {
  await releaseUpload(tx, money, uploadId, nowMs);
  const [reserve] = await tx
    .update(uploadReserves)
    .set({ discardedAtMs: nowMs })
    .where(eq(uploadReserves.uploadId, uploadId))
    .returning();
  if (reserve === undefined || reserve.committedBytesPerNode < reserve.quotaBytesPerNode) return;
  await settleUpload(tx, money, uploadId, [], nowMs);
}

/**
 * Keeps the node's first answer for each upload that it was told to discard: at most the bytes that the upload had left
 * there, and the time that it has been open, or that bytes may lie. Others change nothing.
 */
export async function noteUncommitted(
  database: Database,
  { rules }: Money,
  { nodeId, uncommitted, nowMs }: { nodeId: string; uncommitted: readonly UncommittedBytes[]; nowMs: number },
): Promise<void> {
  const longestMs = rules.uncommittedPeriods * rules.periodMs;
  await database.execute(sql`
    UPDATE ${uploadOffers} SET
      uncommitted_bytes = LEAST(said.size_bytes, reserve.quota_bytes_per_node - reserve.committed_bytes_per_node),
      lain_ms = LEAST(said.lain_ms, ${longestMs}::bigint, GREATEST(0, ${nowMs}::bigint - upload.opened_at_ms))
    FROM unnest(
      ${sql.param(uncommitted.map(({ uploadId }) => Buffer.from(uploadId, 'hex')))}::bytea[],
      ${sql.param(uncommitted.map(({ sizeBytes }) => sizeBytes))}::bigint[],
      ${sql.param(uncommitted.map(({ lainMs }) => lainMs))}::bigint[]
    ) AS said(upload_id, size_bytes, lain_ms)
    JOIN ${uploadReserves} AS reserve ON reserve.upload_id = said.upload_id
    JOIN ${uploads} AS upload ON upload.upload_id = said.upload_id
    CROSS JOIN ${nodes} AS node
    WHERE node.node_id = ${Buffer.from(nodeId, 'hex')} AND ${uploadOffers}.node_no = node.node_no
      AND ${uploadOffers}.upload_id = said.upload_id AND ${uploadOffers}.uncommitted_bytes IS NULL
      AND reserve.state = 'closing' AND reserve.discarded_at_ms IS NOT NULL`);
}

/** Settles one upload that all nodes have answered for, or whose time for answers is over. False when there is none. */
export async function settleOne(tx: Transaction, money: Money, nowMs: number): Promise<boolean> {
  const { rules } = money;
  const answersUntilMs = nowMs - rules.answerPeriods * rules.periodMs;
  const { rows } = await tx.execute<{ upload_id: Buffer }>(sql`
    SELECT reserve.upload_id FROM ${uploadReserves} AS reserve JOIN ${uploads} AS upload USING (upload_id)
    WHERE reserve.state = 'closing' AND reserve.discarded_at_ms IS NOT NULL
      AND (reserve.discarded_at_ms < ${answersUntilMs}::bigint OR NOT EXISTS (
        SELECT FROM ${uploadOffers} AS offer WHERE offer.upload_id = reserve.upload_id AND offer.uncommitted_bytes IS NULL))
    ORDER BY reserve.discarded_at_ms LIMIT 1 FOR NO KEY UPDATE OF upload SKIP LOCKED`);
  const [row] = rows;
  if (row === undefined) return false;
  const uploadId = row.upload_id.toString('hex');
  const answers = await tx.select().from(uploadOffers).where(eq(uploadOffers.uploadId, uploadId));
  const uncommitted = answers.flatMap(({ nodeNo, uncommittedBytes, lainMs }) =>
    uncommittedBytes === null || lainMs === null ? [] : [{ nodeNo, sizeBytes: uncommittedBytes, lainMs }],
  );
  await settleUpload(tx, money, uploadId, uncommitted, nowMs);
  return true;
}
