/**
 * Lines of shards in Postgres: placing them at their commit, making holes, closing a line up, and finding what covers a
 * position. Whoever changes a node's lines holds the lock on the node's row (lockNodes, appendOrders).
 */
import type { AgreementSpan, DueAgreement, NodeSpan, ShardLines } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { Transaction } from './database.ts';
import { nodeLines, shardPlaces, vaultLines } from './challenge-schema.ts';
import { packs } from './schema.ts';

/** Places the packs' shards at the end of their nodes' and vaults' lines, in the order of the packs; those placed before stay. */
export async function placeShards(tx: Transaction, packNos: readonly number[]): Promise<void> {
  await tx.execute(sql`SELECT place_shards(${sql.param([...packNos])}::bigint[])`);
}

interface Hole extends Record<string, unknown> {
  node_no: number;
  line_no: number;
  leaves: number;
}

/** What a dropped pack's shards leave behind. Call it before the shards are deleted, and `recordHoles` with the nodes locked. */
export async function removePlaces(tx: Transaction, packNos: readonly number[]): Promise<readonly Hole[]> {
  const { rows } = await tx.execute<Hole & { is_lost: boolean }>(sql`
    DELETE FROM ${shardPlaces} WHERE pack_no = ANY(${sql.param([...packNos])}::bigint[])
    RETURNING node_no, line_no, leaves, is_lost`);
  return rows.filter(({ is_lost: isLost }) => !isLost);
}

/** Shards that are lost: their places stay, and cover nothing any more. */
export async function losePlaces(
  tx: Transaction,
  shards: readonly { readonly packNo: number; readonly shardIndex: number }[],
): Promise<void> {
  const { rows } = await tx.execute<Hole>(sql`
    UPDATE ${shardPlaces} AS place SET is_lost = true
    FROM unnest(
      ${sql.param(shards.map(({ packNo }) => packNo))}::bigint[],
      ${sql.param(shards.map(({ shardIndex }) => shardIndex))}::smallint[]
    ) AS lost(pack_no, shard_index)
    WHERE place.pack_no = lost.pack_no AND place.shard_index = lost.shard_index AND NOT place.is_lost
    RETURNING place.node_no, place.line_no, place.leaves`);
  await recordHoles(tx, rows);
}

export async function recordHoles(tx: Transaction, holes: readonly Hole[]): Promise<void> {
  if (holes.length === 0) return;
  const leaves = sql.param(holes.map((hole) => hole.leaves));
  await tx.execute(sql`
    UPDATE ${nodeLines} AS line SET live_leaves = line.live_leaves - hole.leaves
    FROM (SELECT node_no, sum(leaves)::bigint AS leaves
      FROM unnest(${sql.param(holes.map((hole) => hole.node_no))}::int[], ${leaves}::int[]) AS one(node_no, leaves)
      GROUP BY node_no) AS hole
    WHERE line.node_no = hole.node_no`);
  await tx.execute(sql`
    UPDATE ${vaultLines} AS line SET live_leaves = line.live_leaves - hole.leaves
    FROM (SELECT line_no, sum(leaves)::bigint AS leaves
      FROM unnest(${sql.param(holes.map((hole) => hole.line_no))}::int[], ${leaves}::int[]) AS one(line_no, leaves)
      GROUP BY line_no) AS hole
    WHERE line.line_no = hole.line_no`);
}

export interface NodeLine {
  readonly epoch: number;
  readonly leaves: number;
}

/**
 * The node's line, closed up first where less than half of it is live (its vaults' lines with it), and so are those
 * vaults' lines of which less than half is. Locks the node's lines to the end of the transaction.
 */
export async function openNodeLine(tx: Transaction, nodeNo: number): Promise<NodeLine> {
  const { rows } = await tx.execute<{ epoch: number; leaves: string; live_leaves: string }>(sql`
    SELECT epoch, leaves, live_leaves FROM ${nodeLines} WHERE node_no = ${nodeNo} FOR NO KEY UPDATE`);
  const [line] = rows;
  if (line === undefined) return { epoch: 0, leaves: 0 };
  const leaves = Number(line.leaves);
  const liveLeaves = Number(line.live_leaves);
  if (2 * liveLeaves >= leaves) {
    await closeUpVaultLines(tx, nodeNo);
    return { epoch: line.epoch, leaves };
  }
  await tx.execute(sql`
    WITH live AS (
      SELECT pack_no, shard_index,
        sum(leaves) OVER (ORDER BY start_leaf) - leaves AS start_leaf,
        sum(leaves) OVER (PARTITION BY line_no ORDER BY vault_leaf) - leaves AS vault_leaf
      FROM ${shardPlaces} WHERE node_no = ${nodeNo} AND NOT is_lost
    )
    UPDATE ${shardPlaces} AS place SET start_leaf = live.start_leaf, vault_leaf = live.vault_leaf
    FROM live WHERE place.pack_no = live.pack_no AND place.shard_index = live.shard_index`);
  // What is lost covers nothing: it needs no place on the line.
  await tx.execute(sql`DELETE FROM ${shardPlaces} WHERE node_no = ${nodeNo} AND is_lost`);
  await tx.execute(sql`UPDATE ${vaultLines} SET leaves = live_leaves WHERE node_no = ${nodeNo}`);
  await tx.execute(sql`
    UPDATE ${nodeLines} SET leaves = live_leaves, epoch = epoch + 1 WHERE node_no = ${nodeNo}`);
  return { epoch: line.epoch + 1, leaves: liveLeaves };
}

/**
 * A line that is nearly all holes would stay due for a leaf, find none, and keep others from their turn: with a hundred of
 * them a node could have its junk asked for all the time, and other clients' shards never.
 */
async function closeUpVaultLines(tx: Transaction, nodeNo: number): Promise<void> {
  const { rows } = await tx.execute<{ line_no: number }>(sql`
    SELECT line_no FROM ${vaultLines} WHERE node_no = ${nodeNo} AND live_leaves > 0 AND 2 * live_leaves < leaves`);
  if (rows.length === 0) return;
  const lineNos = sql`ANY(${sql.param(rows.map((row) => row.line_no))}::int[])`;
  await tx.execute(sql`DELETE FROM ${shardPlaces} WHERE line_no = ${lineNos} AND is_lost`);
  await tx.execute(sql`
    WITH live AS (
      SELECT pack_no, shard_index, sum(leaves) OVER (PARTITION BY line_no ORDER BY vault_leaf) - leaves AS vault_leaf
      FROM ${shardPlaces} WHERE line_no = ${lineNos}
    )
    UPDATE ${shardPlaces} AS place SET vault_leaf = live.vault_leaf
    FROM live WHERE place.pack_no = live.pack_no AND place.shard_index = live.shard_index`);
  await tx.execute(sql`UPDATE ${vaultLines} SET leaves = live_leaves WHERE line_no = ${lineNos}`);
}

/** The node's agreements, those first whose last leaf is the longest ago; and the numbers of their lines. */
export async function listAgreementLines(
  tx: Transaction,
  nodeNo: number,
): Promise<{ agreements: DueAgreement[]; lineNos: Map<string, number> }> {
  const { rows } = await tx.execute<{ line_no: number; agreement_id: string; leaves: string }>(sql`
    SELECT line_no, encode(client_id, 'hex') || '/' || encode(vault_id, 'hex') AS agreement_id, leaves
    FROM ${vaultLines} WHERE node_no = ${nodeNo} AND live_leaves > 0
    ORDER BY shown_period NULLS FIRST, line_no`);
  return {
    agreements: rows.map((row) => ({ agreementId: row.agreement_id, lineLeaves: Number(row.leaves) })),
    lineNos: new Map(rows.map((row) => [row.agreement_id, row.line_no])),
  };
}

interface SpanRow extends Record<string, unknown> {
  place: string;
  client_id: string;
  pack_id: string;
  shard_index: number;
  length_bytes: number;
  start_leaf: string;
  agreement_id: string;
  shown_period: number | null;
}

const SPAN = sql`encode(p.client_id, 'hex') AS client_id, encode(p.pack_id, 'hex') AS pack_id, found.shard_index,
  p.shard_length_bytes AS length_bytes, found.shown_period,
  encode(p.client_id, 'hex') || '/' || encode(p.vault_id, 'hex') AS agreement_id`;

/** Look-ups on the lines of a node, within the transaction that locked them. */
export function shardLinesOf(
  tx: Transaction,
  nodeNo: number,
  period: number,
  lineNos: ReadonlyMap<string, number>,
): ShardLines {
  return {
    async onNode(positions) {
      const { rows } = await tx.execute<SpanRow>(sql`
        SELECT asked.place, ${SPAN}, found.start_leaf
        FROM unnest(${sql.param([...positions])}::bigint[]) WITH ORDINALITY AS asked(position, place)
        CROSS JOIN LATERAL (
          SELECT * FROM ${shardPlaces} s WHERE s.node_no = ${nodeNo} AND s.start_leaf <= asked.position
          ORDER BY s.start_leaf DESC LIMIT 1) AS found
        JOIN ${packs} p ON p.pack_no = found.pack_no
        WHERE NOT found.is_lost AND asked.position < found.start_leaf + found.leaves`);
      return spread<NodeSpan>(positions.length, rows, (row) => ({ ...toSpan(row), agreementId: row.agreement_id }));
    },
    async inAgreements(places) {
      const { rows } = await tx.execute<SpanRow>(sql`
        SELECT asked.place, ${SPAN}, found.vault_leaf AS start_leaf
        FROM unnest(
          ${sql.param(places.map(({ agreementId }) => lineNos.get(agreementId) ?? 0))}::int[],
          ${sql.param(places.map(({ position }) => position))}::bigint[]
        ) WITH ORDINALITY AS asked(line_no, position, place)
        CROSS JOIN LATERAL (
          SELECT * FROM ${shardPlaces} s WHERE s.line_no = asked.line_no AND s.vault_leaf <= asked.position
          ORDER BY s.vault_leaf DESC LIMIT 1) AS found
        JOIN ${packs} p ON p.pack_no = found.pack_no
        WHERE NOT found.is_lost AND asked.position < found.vault_leaf + found.leaves`);
      return spread<AgreementSpan>(places.length, rows, (row) => ({
        ...toSpan(row),
        unshownPeriods: row.shown_period === null ? undefined : period - row.shown_period,
      }));
    },
  };
}

const toSpan = (row: SpanRow) => ({
  clientId: row.client_id,
  packId: row.pack_id,
  shardIndex: row.shard_index,
  lengthBytes: row.length_bytes,
  startLeaf: Number(row.start_leaf),
});

function spread<Span>(count: number, rows: readonly SpanRow[], show: (row: SpanRow) => Span): (Span | undefined)[] {
  const spans: (Span | undefined)[] = Array.from({ length: count }, () => undefined);
  for (const row of rows) spans[Number(row.place) - 1] = show(row);
  return spans;
}
