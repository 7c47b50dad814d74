/** Retrieval checks in Postgres: who is due, and what was found. */
import { sql } from 'drizzle-orm';
import type { ShardRef } from '@holdfast/protocol';
import type { ChallengeStore, DrawnShard, RetrievalProbe } from '../../challenges/index.ts';
import { nodeLines, nodeReputations, retrievalChecks, shardPlaces } from './challenge-schema.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { noteEvents } from './events.ts';
import { nodes, packs, shards } from './schema.ts';

type Part = 'listToCheck' | 'storeCheck';

/** Whoever takes a check has so long to make it before another process may. */
const TAKEN_MS = 60_000;

interface DueRow extends Record<string, unknown> {
  node_no: number;
  node_id: string;
  addresses: string[];
  probe: RetrievalProbe | null;
}

export function createRetrievalStore(database: Database): Pick<ChallengeStore, Part> {
  return {
    listToCheck: (nowMs, limit, place) =>
      inTransaction(database, async (tx) => {
        const { rows } = await tx.execute<DueRow>(sql`
          WITH due AS (
            SELECT r.node_no FROM ${nodeReputations} r
            WHERE r.next_check_at_ms <= ${nowMs} AND r.probe IS NOT NULL
            ORDER BY r.next_check_at_ms LIMIT ${limit} FOR NO KEY UPDATE SKIP LOCKED
          )
          UPDATE ${nodeReputations} r SET next_check_at_ms = ${nowMs + TAKEN_MS},
            -- What was dropped or lost since it was shown is no probe any more: the next answer brings another.
            probe = CASE WHEN EXISTS (
              SELECT FROM ${packs} p JOIN ${shardPlaces} s ON s.pack_no = p.pack_no
              WHERE p.client_id = decode(r.probe ->> 'clientId', 'hex') AND p.pack_id = decode(r.probe ->> 'packId', 'hex')
                AND s.shard_index = (r.probe ->> 'shardIndex')::int AND s.node_no = r.node_no AND NOT s.is_lost
            ) THEN r.probe END
          FROM due, ${nodes} n
          WHERE r.node_no = due.node_no AND n.node_no = due.node_no
          RETURNING r.node_no, encode(n.node_id, 'hex') AS node_id, n.addresses, r.probe`);
        const drawn = await drawShards(
          tx,
          rows.map(({ node_no: nodeNo }) => nodeNo),
          place,
        );
        return rows.flatMap(({ node_no: nodeNo, node_id: nodeId, addresses, probe }) => {
          const shard = drawn.get(nodeNo);
          return probe === null ? [] : [{ nodeId, addresses, probe, ...(shard && { drawn: shard }) }];
        });
      }),
    storeCheck: ({ nodeId }, result) =>
      inTransaction(database, async (tx) => {
        const { shard, outcome, detail, fromByte, lengthBytes, checkedAtMs, nextCheckAtMs } = result;
        const isServing = outcome === 'served';
        if (!isServing && !(await isStillThere(tx, nodeId, shard))) {
          await tx.execute(sql`UPDATE ${nodeReputations} r SET next_check_at_ms = ${nextCheckAtMs}
            FROM ${nodes} n WHERE n.node_no = r.node_no AND n.node_id = ${Buffer.from(nodeId, 'hex')}`);
          return;
        }
        const { rows } = await tx.execute<{ node_no: number; was_serving: boolean }>(sql`
          UPDATE ${nodeReputations} r SET is_serving = ${isServing}, next_check_at_ms = ${nextCheckAtMs}
          FROM (SELECT r.node_no, r.is_serving FROM ${nodeReputations} r JOIN ${nodes} n ON n.node_no = r.node_no
            WHERE n.node_id = ${Buffer.from(nodeId, 'hex')} FOR NO KEY UPDATE OF r) AS was
          WHERE r.node_no = was.node_no RETURNING r.node_no, was.is_serving AS was_serving`);
        const [row] = rows;
        if (row === undefined) return;
        await tx
          .insert(retrievalChecks)
          .values({ nodeNo: row.node_no, checkedAtMs, ...shard, fromByte, lengthBytes, outcome, detail });
        if (row.was_serving === isServing) return;
        await noteEvents(tx, [{ kind: 'node.serving', nodeId, data: { isServing, outcome, detail } }], checkedAtMs);
      }),
  };
}

interface DrawnRow extends Record<string, unknown> {
  node_no: number;
  client_id: string;
  pack_id: string;
  shard_index: number;
  length_bytes: number;
  root: string;
}

/** What covers that place (0 to 1) of each node's line, by node; holes are left out. */
async function drawShards(
  tx: Transaction,
  nodeNos: readonly number[],
  place: number,
): Promise<Map<number, DrawnShard>> {
  const { rows } = await tx.execute<DrawnRow>(sql`
    SELECT found.node_no, encode(p.client_id, 'hex') AS client_id, encode(p.pack_id, 'hex') AS pack_id,
      found.shard_index, p.shard_length_bytes AS length_bytes, encode(s.root, 'hex') AS root
    FROM (SELECT node_no, floor(leaves * ${place}::float8)::bigint AS position FROM ${nodeLines}
      WHERE node_no = ANY(${sql.param([...nodeNos])}::int[])) AS asked
    CROSS JOIN LATERAL (
      SELECT * FROM ${shardPlaces} o WHERE o.node_no = asked.node_no AND o.start_leaf <= asked.position
      ORDER BY o.start_leaf DESC LIMIT 1) AS found
    JOIN ${packs} p ON p.pack_no = found.pack_no
    JOIN ${shards} s ON s.pack_no = found.pack_no AND s.shard_index = found.shard_index
    WHERE NOT found.is_lost AND asked.position < found.start_leaf + found.leaves`);
  return new Map(
    rows.map((row) => {
      const shard = { clientId: row.client_id, packId: row.pack_id, shardIndex: row.shard_index };
      return [row.node_no, { ...shard, lengthBytes: row.length_bytes, root: row.root }];
    }),
  );
}

async function isStillThere(tx: Transaction, nodeId: string, shard: ShardRef): Promise<boolean> {
  const { rows } = await tx.execute(sql`
    SELECT FROM ${packs} p JOIN ${shardPlaces} s ON s.pack_no = p.pack_no JOIN ${nodes} n ON n.node_no = s.node_no
    WHERE p.client_id = ${Buffer.from(shard.clientId, 'hex')} AND p.pack_id = ${Buffer.from(shard.packId, 'hex')}
      AND s.shard_index = ${shard.shardIndex} AND n.node_id = ${Buffer.from(nodeId, 'hex')} AND NOT s.is_lost`);
  return rows.length > 0;
}
