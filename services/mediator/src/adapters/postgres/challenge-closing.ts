/** The end of a node's period: verdict, lost shards, carried leaves, reputation and settlement become true at once. */
import { type Sample, shardKeyOf, type ShardRef } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { Closing } from '../../challenges/index.ts';
import type { NodeStanding } from '../../nodes/index.ts';
import { shrinkAgreements } from './agreements-growth.ts';
import { carriedLeaves, challenges, lateLosses, nodeReputations, shardPlaces, vaultLines } from './challenge-schema.ts';
import { hexArray } from './columns.ts';
import type { Transaction } from './database.ts';
import { noteEvents, type NewEvent } from './events.ts';
import type { Money } from './ledger.ts';
import { agreementSpans, ledgerNodes } from './ledger-schema.ts';
import { tellNodes } from './node-news.ts';
import { type LostShard, markLost } from './nodes.ts';
import { nodes, packs, shards } from './schema.ts';
import { settleNode } from './settlement.ts';

/** Whose period it is; the node's row is locked. */
export interface ClosingNode {
  readonly challengeId: string;
  readonly nodeNo: number;
  readonly nodeId: string;
  readonly period: number;
  readonly standing: NodeStanding;
  readonly isAnswered: boolean;
}

export async function closePeriod(
  tx: Transaction,
  money: Money,
  node: ClosingNode,
  closing: Closing,
  nowMs: number,
): Promise<void> {
  const { nodeId, nodeNo } = node;
  const lost = await markLost(tx, nodeId, closing.lost, nowMs);
  if (closing.leaves !== undefined) await carry(tx, node, closing, closing.leaves);
  if (closing.reputation !== undefined) await recordReputation(tx, node, closing.reputation, nowMs);
  if (closing.standing !== node.standing) {
    await tx.execute(sql`UPDATE ${nodes} SET state = ${closing.standing} WHERE node_no = ${nodeNo}`);
  }
  await closeChallenge(tx, node, closing, nowMs);
  await noteEvents(tx, eventsOf(node, closing, lost), nowMs);
  tellNodes(tx, [nodeId]);
  // Money last: its locks are shared by many.
  await settleUpTo(tx, money, node, closing.settleAs, nowMs);
  await shrinkBy(tx, money, nodeNo, lost, nowMs);
}

/** Where agreements cover the period. Periods before it that nobody asked about are void: settled in order, each once. */
export async function settleUpTo(
  tx: Transaction,
  money: Money,
  { nodeNo, nodeId, period }: Pick<ClosingNode, 'nodeNo' | 'nodeId' | 'period'>,
  settleAs: Closing['settleAs'],
  nowMs: number,
): Promise<number> {
  const { rows } = await tx.execute<{ period: number }>(sql`
    SELECT one.period::int AS period FROM (
      SELECT max(l.last_settled_period) AS settled,
        (SELECT min(s.from_period) FROM ${agreementSpans} s WHERE s.node_no = ${nodeNo}) AS first
      FROM ${ledgerNodes} l WHERE l.node_no = ${nodeNo}
    ) AS known, generate_series(greatest(known.settled + 1, known.first), ${period}::int) AS one(period)
    WHERE EXISTS (SELECT FROM ${agreementSpans} s
      WHERE s.node_no = ${nodeNo} AND s.until_period > one.period AND s.from_period <= one.period)
    ORDER BY one.period`);
  for (const row of rows) {
    const verdict = row.period === period ? settleAs : 'void';
    await settleNode(tx, money, { nodeId, period: row.period, verdict }, nowMs);
  }
  return rows.length;
}

/** What is lost is not paid for from the next period on. */
export async function shrinkBy(
  tx: Transaction,
  money: Money,
  nodeNo: number,
  lost: readonly LostShard[],
  nowMs: number,
): Promise<void> {
  const byVault = new Map<string, { clientId: string; vaultId: string; bytes: number }>();
  for (const { clientId, vaultId, lengthBytes } of lost) {
    const name = `${clientId}/${vaultId}`;
    const at = byVault.get(name) ?? { clientId, vaultId, bytes: 0 };
    at.bytes += lengthBytes;
    byVault.set(name, at);
  }
  for (const name of [...byVault.keys()].toSorted()) {
    const { clientId, vaultId, bytes } = byVault.get(name)!;
    await shrinkAgreements(tx, money, { clientId, vaultId }, new Map([[nodeNo, bytes]]), nowMs);
  }
}

export const lostEvents = (nodeId: string, lost: readonly LostShard[]): NewEvent[] => {
  const clients = Map.groupBy(lost, ({ clientId }) => clientId);
  return [...clients].map(([clientId, list]) => ({
    kind: 'shards.lost',
    nodeId,
    clientId,
    data: { shardCount: list.length, packIds: [...new Set(list.map(({ packId }) => packId))].slice(0, 100) },
  }));
};

function eventsOf(node: ClosingNode, closing: Closing, lost: readonly LostShard[]): NewEvent[] {
  const { nodeId, challengeId, period } = node;
  const { outcome, voidReason, settleAs, standing, reasons } = closing;
  const about = { challengeId, period, settleAs };
  return [
    ...(outcome === undefined
      ? []
      : [{ kind: 'challenge.judged' as const, nodeId, data: { ...about, outcome, shardsLost: closing.lost.length } }]),
    ...(voidReason === undefined
      ? []
      : [{ kind: 'challenge.void' as const, nodeId, data: { ...about, reason: voidReason } }]),
    ...(standing === node.standing
      ? []
      : [{ kind: 'node.standing' as const, nodeId, data: { from: node.standing, to: standing, reasons } }]),
    ...lostEvents(nodeId, lost),
  ];
}

async function closeChallenge(tx: Transaction, node: ClosingNode, closing: Closing, nowMs: number): Promise<void> {
  const id = Buffer.from(node.challengeId, 'hex');
  if (closing.outcome === undefined && closing.voidReason === undefined) {
    await tx.execute(sql`DELETE FROM ${challenges} WHERE challenge_id = ${id}`);
    return;
  }
  const late = closing.lost.filter(({ fault }) => fault === 'late-report');
  if (late.length > 0) {
    await tx.execute(sql`
      UPDATE ${lateLosses} AS loss SET challenge_id = ${id}
      FROM ${named(late)} JOIN ${packs} p ON p.client_id = named.client_id AND p.pack_id = named.pack_id
      WHERE loss.pack_no = p.pack_no AND loss.shard_index = named.shard_index AND loss.challenge_id IS NULL`);
  }
  await tx.execute(sql`
    UPDATE ${challenges} SET state = ${closing.voidReason === undefined ? 'judged' : 'void'},
      outcome = ${closing.outcome ?? null}, void_reason = ${closing.voidReason ?? null},
      verdict = ${closing.verdict ?? null}, shards_lost = ${closing.lost.length}, judged_at_ms = ${nowMs},
      roots = NULL, asked_packs = NULL, asked_indexes = NULL,
      frame_until_ms = ${node.isAnswered ? nowMs + closing.keepFrameMs : null}
    WHERE challenge_id = ${id}`);
}

export const named = (shards: readonly ShardRef[]) => sql`unnest(
  ${hexArray(shards.map(({ clientId }) => clientId))},
  ${hexArray(shards.map(({ packId }) => packId))},
  ${sql.param(shards.map(({ shardIndex }) => shardIndex))}::int[]
) AS named(client_id, pack_id, shard_index)`;

/** Leaves that were shown are not owed any more; those that were not shown are, unless their shard is lost by this verdict. */
async function carry(
  tx: Transaction,
  { nodeNo, period, challengeId }: ClosingNode,
  closing: Closing,
  { samples, were }: NonNullable<Closing['leaves']>,
): Promise<void> {
  if (closing.lost.length > 0) {
    await tx.execute(sql`
      DELETE FROM ${carriedLeaves} AS carried
      USING ${named(closing.lost)} JOIN ${packs} p ON p.client_id = named.client_id AND p.pack_id = named.pack_id
      WHERE carried.pack_no = p.pack_no AND carried.shard_index = named.shard_index`);
  }
  if (were === 'answered') {
    await tx.execute(sql`
      DELETE FROM ${carriedLeaves} AS carried
      USING ${namedLeaves(samples)} JOIN ${packs} p ON p.client_id = named.client_id AND p.pack_id = named.pack_id
      WHERE carried.pack_no = p.pack_no AND carried.shard_index = named.shard_index
        AND carried.leaf_index = named.leaf_index`);
    await tx.execute(sql`
      WITH shown AS (
        UPDATE ${shardPlaces} AS place SET shown_period = ${period}
        FROM ${challenges} c, unnest(c.asked_packs, c.asked_indexes) AS asked(pack_no, shard_index)
        WHERE c.challenge_id = ${Buffer.from(challengeId, 'hex')}
          AND place.pack_no = asked.pack_no AND place.shard_index = asked.shard_index
        RETURNING place.line_no
      )
      UPDATE ${vaultLines} SET shown_period = ${period} WHERE line_no IN (SELECT line_no FROM shown)`);
    return;
  }
  const lost = new Set(closing.lost.map(shardKeyOf));
  await tx.execute(sql`
    INSERT INTO ${carriedLeaves} (node_no, pack_no, shard_index, leaf_index, period)
    SELECT ${nodeNo}, p.pack_no, named.shard_index, named.leaf_index, ${period}
    FROM ${namedLeaves(samples.filter((sample) => !lost.has(shardKeyOf(sample))))}
    JOIN ${packs} p ON p.client_id = named.client_id AND p.pack_id = named.pack_id
    JOIN ${shards} s ON s.pack_no = p.pack_no AND s.shard_index = named.shard_index AND s.node_no = ${nodeNo}
    ON CONFLICT DO NOTHING`);
}

const namedLeaves = (samples: readonly Sample[]) => sql`unnest(
  ${hexArray(samples.map(({ clientId }) => clientId))},
  ${hexArray(samples.map(({ packId }) => packId))},
  ${sql.param(samples.map(({ shardIndex }) => shardIndex))}::int[],
  ${sql.param(samples.map(({ leafIndex }) => leafIndex))}::int[]
) AS named(client_id, pack_id, shard_index, leaf_index)`;

async function recordReputation(
  tx: Transaction,
  { nodeNo, period }: ClosingNode,
  { proofs, availability, passedPeriods, failedPeriods, absentPeriods }: NonNullable<Closing['reputation']>,
  nowMs: number,
): Promise<void> {
  const values = {
    proofsGood: proofs.good,
    proofsBad: proofs.bad,
    availabilityGood: availability.good,
    availabilityBad: availability.bad,
    passedPeriods,
    failedPeriods,
    absentPeriods,
    lastPeriod: period,
  };
  await tx
    .insert(nodeReputations)
    .values({ nodeNo, ...values, nextCheckAtMs: nowMs })
    .onConflictDoUpdate({ target: nodeReputations.nodeNo, set: values });
}
