/** Retrieval checks in Postgres: who is due, and what was found. */
import { sql } from 'drizzle-orm';
import type { ChallengeStore, RetrievalProbe } from '../../challenges/index.ts';
import { nodeReputations, retrievalChecks, shardPlaces } from './challenge-schema.ts';
import { type Database, inTransaction } from './database.ts';
import { noteEvents } from './events.ts';
import { nodes, packs } from './schema.ts';

type Part = 'listToCheck' | 'storeCheck';

/** Whoever takes a check has so long to make it before another process may. */
const TAKEN_MS = 60_000;

export function createRetrievalStore(database: Database): Pick<ChallengeStore, Part> {
  return {
    listToCheck: (nowMs, limit) =>
      inTransaction(database, async (tx) => {
        const { rows } = await tx.execute<{ node_id: string; addresses: string[]; probe: RetrievalProbe | null }>(sql`
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
          RETURNING encode(n.node_id, 'hex') AS node_id, n.addresses, r.probe`);
        return rows.flatMap(({ node_id: nodeId, addresses, probe }) =>
          probe === null ? [] : [{ nodeId, addresses, probe }],
        );
      }),
    storeCheck: ({ nodeId, probe }, result) =>
      inTransaction(database, async (tx) => {
        const { outcome, detail, fromByte, lengthBytes, checkedAtMs, nextCheckAtMs } = result;
        const isServing = outcome === 'served';
        const { rows } = await tx.execute<{ node_no: number; was_serving: boolean }>(sql`
          UPDATE ${nodeReputations} r SET is_serving = ${isServing}, next_check_at_ms = ${nextCheckAtMs}
          FROM (SELECT r.node_no, r.is_serving FROM ${nodeReputations} r JOIN ${nodes} n ON n.node_no = r.node_no
            WHERE n.node_id = ${Buffer.from(nodeId, 'hex')} FOR NO KEY UPDATE OF r) AS was
          WHERE r.node_no = was.node_no RETURNING r.node_no, was.is_serving AS was_serving`);
        const [row] = rows;
        if (row === undefined) return;
        const { clientId, packId, shardIndex } = probe;
        const shard = { clientId, packId, shardIndex };
        await tx
          .insert(retrievalChecks)
          .values({ nodeNo: row.node_no, checkedAtMs, ...shard, fromByte, lengthBytes, outcome, detail });
        if (row.was_serving === isServing) return;
        await noteEvents(tx, [{ kind: 'node.serving', nodeId, data: { isServing, outcome, detail } }], checkedAtMs);
      }),
  };
}
