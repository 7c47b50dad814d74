/** What follows when nobody pays: data is given up. In Postgres. */
import { periodAt } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { VaultName } from '../../custody/index.ts';
import { lostEvents } from './challenge-closing.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { noteEvents } from './events.ts';
import type { Money } from './ledger.ts';
import { agreements } from './ledger-schema.ts';
import { appendOrders, lockNodes, markLost } from './nodes.ts';
import { nodes, packs, shards, vaults } from './schema.ts';
import { isVault } from './vaults.ts';

/** Shards given up in one transaction; the next pass goes on. */
const SHARDS_AT_ONCE = 5_000;

interface Place extends VaultName {
  readonly nodeNo: number;
  readonly nodeId: string;
}

/**
 * Where terms ran out unpaid, or their client ended them: as many bytes of the vault at that node as nobody pays for are
 * deleted, the newest first. It compares what lies there with what is agreed, so a pass that died half-way is made up for
 * by the next one. Resolves to the number of shards.
 */
export async function giveUpUnpaid(database: Database, { rules }: Money, nowMs: number): Promise<number> {
  const period = periodAt(nowMs, rules.periodMs);
  const { rows } = await database.execute<{
    client_id: Buffer;
    vault_id: Buffer;
    node_no: number;
    node_id: Buffer;
  }>(sql`
    SELECT DISTINCT a.client_id, a.vault_id, a.node_no, n.node_id FROM ${agreements} a
    JOIN ${nodes} n ON n.node_no = a.node_no
    WHERE a.state = 'ended' AND a.ended_by IN ('term', 'client') AND a.stored_bytes > 0
      AND a.end_period <= ${period} AND a.end_period > ${period - rules.gracePeriods}
      AND NOT EXISTS (SELECT FROM ${agreements} next WHERE next.renewed_from = a.agreement_no AND next.state <> 'ended')`);
  let count = 0;
  for (const row of rows) {
    const place = {
      clientId: row.client_id.toString('hex'),
      vaultId: row.vault_id.toString('hex'),
      nodeNo: row.node_no,
      nodeId: row.node_id.toString('hex'),
    };
    count += await inTransaction(database, (tx) => giveUp(tx, place, period, nowMs));
  }
  return count;
}

async function giveUp(tx: Transaction, place: Place, period: number, nowMs: number): Promise<number> {
  const { clientId, vaultId, nodeNo, nodeId } = place;
  await tx.select({ vaultId: vaults.vaultId }).from(vaults).where(isVault(place)).for('no key update');
  await lockNodes(tx, [nodeNo]);
  const { rows } = await tx.execute<{ pack_id: Buffer; shard_index: number }>(sql`
    WITH agreed AS (
      SELECT coalesce(sum(a.stored_bytes), 0) AS bytes FROM ${agreements} a
      WHERE a.client_id = ${Buffer.from(clientId, 'hex')} AND a.vault_id = ${Buffer.from(vaultId, 'hex')}
        AND a.node_no = ${nodeNo} AND a.state <> 'ended' AND a.end_period > ${period}
        AND NOT EXISTS (SELECT FROM ${agreements} before
          WHERE before.agreement_no = a.renewed_from AND before.state <> 'ended' AND before.end_period > ${period})
    ), stored AS (
      SELECT p.pack_no, p.pack_id, s.shard_index, sum(p.shard_length_bytes) OVER (ORDER BY p.pack_no) AS bytes
      FROM ${packs} p JOIN ${shards} s ON s.pack_no = p.pack_no
      WHERE p.client_id = ${Buffer.from(clientId, 'hex')} AND p.vault_id = ${Buffer.from(vaultId, 'hex')}
        AND NOT p.is_dropped AND s.node_no = ${nodeNo} AND s.lost_at_ms IS NULL
    )
    SELECT stored.pack_id, stored.shard_index FROM stored, agreed WHERE stored.bytes > agreed.bytes
    ORDER BY stored.pack_no DESC LIMIT ${SHARDS_AT_ONCE}`);
  const names = rows.map((row) => ({ clientId, packId: row.pack_id.toString('hex'), shardIndex: row.shard_index }));
  const lost = await markLost(tx, nodeId, names, nowMs);
  if (lost.length === 0) return 0;
  const order = {
    nodeNo,
    kind: 'delete' as const,
    clientId,
    uploadId: null,
    shards: lost.map(({ packId, shardIndex }): [string, number] => [packId, shardIndex]),
    storedBytes: 0,
    reservedBytes: 0,
  };
  await appendOrders(tx, [order], nowMs);
  await noteEvents(
    tx,
    lostEvents(nodeId, lost).map((event) => ({ ...event, data: { ...event.data, reason: 'unpaid' } })),
    nowMs,
  );
  return lost.length;
}
