/** Published liabilities in Postgres: what is owed at one exact cut through the ledger, roots, trees and proofs. */
import { type CreditorKind, fail, siblingPlaces } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { LiabilityStore, Owed, OwedNow, OwnProof, PublishedRoot, Tree } from '../../liabilities/index.ts';
import { hexArray } from './columns.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { ledgerAccounts, ledgerTransfers } from './ledger-schema.ts';
import { liabilityLeaves, liabilityNodes, liabilityRoots } from './liabilities-schema.ts';
import { payoutBatches, payoutPayees, withdrawals } from './payouts-schema.ts';
import { nodes } from './schema.ts';

/** How long bookings are waited for before the tree is made another time. */
const LOCK_MS = 5_000;
const ROWS_AT_ONCE = 5_000;

export function createLiabilityStore(database: Database): LiabilityStore {
  return {
    owed: () => inTransaction(database, readOwed),
    newest: async () => (await readRoots(database, sql`ORDER BY sequence DESC LIMIT 1`))[0],
    find: async (sequence) => (await readRoots(database, sql`WHERE sequence = ${sequence}`))[0],
    publish: (root, tree) => inTransaction(database, (tx) => publish(tx, root, tree)),
    proof: (sequence, kind, ownerId) => readProof(database, sequence, kind, ownerId),
    forgetTrees: (madeBeforeMs) =>
      inTransaction(database, async (tx) => {
        const { rows } = await tx.execute<{ sequence: number }>(sql`
          UPDATE ${liabilityRoots} SET has_tree = false
          WHERE has_tree AND made_at_ms < ${madeBeforeMs} AND sequence < (SELECT max(sequence) FROM ${liabilityRoots})
          RETURNING sequence`);
        const old = sql`${sql.param(rows.map(({ sequence }) => sequence))}::int[]`;
        await tx.execute(sql`DELETE FROM ${liabilityNodes} WHERE sequence = ANY (${old})`);
        await tx.execute(sql`DELETE FROM ${liabilityLeaves} WHERE sequence = ANY (${old})`);
        return rows.length;
      }),
  };
}

/** Every booking inserts a transfer: while this lock is held, all numbers up to the last are committed or never will be. */
async function readOwed(tx: Transaction): Promise<OwedNow> {
  await tx.execute(sql`SET LOCAL lock_timeout = ${sql.raw(String(LOCK_MS))}`);
  await tx.execute(sql`LOCK TABLE ${ledgerTransfers} IN SHARE MODE`);
  const last = await tx.execute<{ last: string }>(
    sql`SELECT coalesce(max(transfer_no), 0) AS last FROM ${ledgerTransfers}`,
  );
  const { rows } = await tx.execute<{
    kind: CreditorKind;
    owner: Buffer;
    free: string;
    bound: string;
    flying: string;
  }>(sql`
    WITH money AS (
      SELECT 'client' AS kind, coalesce(a.client_id, own.client_id) AS owner,
        CASE WHEN a.kind = 'available' THEN a.balance_msat ELSE 0 END AS free,
        CASE WHEN a.kind = 'available' THEN 0 ELSE a.balance_msat END AS bound, 0 AS flying
      FROM ${ledgerAccounts} a LEFT JOIN ${ledgerAccounts} own ON own.account_no = a.available_no
      WHERE a.kind IN ('available', 'hold', 'upload')
      UNION ALL
      SELECT 'client', client_id, 0, 0, amount_sats * 1000 FROM ${withdrawals} WHERE state IN ('waiting', 'paying')
      UNION ALL
      SELECT 'node', n.node_id, CASE WHEN a.kind = 'earned' THEN a.balance_msat ELSE 0 END,
        CASE WHEN a.kind = 'earned' THEN 0 ELSE a.balance_msat END, 0
      FROM ${ledgerAccounts} a JOIN ${nodes} n USING (node_no) WHERE a.kind IN ('earned', 'withheld')
      UNION ALL
      SELECT 'node', n.node_id, 0, 0, p.gross_sats * 1000
      FROM ${payoutPayees} p JOIN ${payoutBatches} b USING (batch_no) JOIN ${nodes} n USING (node_no)
      WHERE b.state NOT IN ('final', 'voided'))
    SELECT kind, owner, sum(free) AS free, sum(bound) AS bound, sum(flying) AS flying FROM money
    GROUP BY kind, owner HAVING sum(free + bound + flying) > 0`);
  return {
    throughTransferNo: BigInt(last.rows[0]!.last),
    owed: rows.map(({ kind, owner, free, bound, flying }) => ({
      kind,
      ownerId: owner.toString('hex'),
      freeMsat: BigInt(free),
      boundMsat: BigInt(bound),
      inFlightMsat: BigInt(flying),
    })),
  };
}

type RootRow = Record<
  'sequence' | 'token' | 'total_msat' | 'leaf_count' | 'through_transfer_no' | 'made_at_ms',
  string
> & { message_hash: Buffer; root: Buffer };

async function readRoots(database: Database, which: ReturnType<typeof sql>): Promise<PublishedRoot[]> {
  const { rows } = await database.execute<RootRow>(sql`
    SELECT sequence, token, message_hash, root, total_msat, leaf_count, through_transfer_no, made_at_ms
    FROM ${liabilityRoots} ${which}`);
  return rows.map((row) => ({
    sequence: Number(row.sequence),
    token: row.token,
    messageHash: row.message_hash.toString('hex'),
    root: row.root.toString('hex'),
    totalMsat: BigInt(row.total_msat),
    leafCount: Number(row.leaf_count),
    throughTransferNo: BigInt(row.through_transfer_no),
    madeAtMs: Number(row.made_at_ms),
  }));
}

async function publish(tx: Transaction, root: PublishedRoot, { leaves, levels }: Tree): Promise<boolean> {
  const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
  const { rows } = await tx.execute(sql`
    INSERT INTO ${liabilityRoots}
      (sequence, token, message_hash, root, total_msat, leaf_count, through_transfer_no, made_at_ms)
    VALUES (${root.sequence}, ${root.token}, ${bytes(root.messageHash)}, ${bytes(root.root)}, ${root.totalMsat},
      ${root.leafCount}, ${root.throughTransferNo}, ${root.madeAtMs})
    ON CONFLICT (sequence) DO NOTHING RETURNING sequence`);
  if (rows.length === 0) return false;
  for (const [level, row] of levels.entries()) {
    for (const [from, some] of chunks(row)) {
      await tx.execute(sql`
        INSERT INTO ${liabilityNodes} (sequence, level, position, hash, sum_msat)
        SELECT ${root.sequence}, ${level}, ${from} + place - 1, hash, sum_msat
        FROM unnest(${hexArray(some.map(({ hash }) => Buffer.from(hash).toString('hex')))},
          ${sql.param(some.map(({ sumMsat }) => sumMsat))}::bigint[]) WITH ORDINALITY AS t(hash, sum_msat, place)`);
    }
  }
  for (const [from, some] of chunks(leaves)) {
    const amounts = (of: (leaf: Owed) => bigint) => sql`${sql.param(some.map(of))}::bigint[]`;
    await tx.execute(sql`
      INSERT INTO ${liabilityLeaves}
        (sequence, kind, owner_id, position, salt, amount_msat, free_msat, bound_msat, in_flight_msat)
      SELECT ${root.sequence}, kind, owner_id, ${from} + place - 1, salt, free + bound + flying, free, bound, flying
      FROM unnest(${sql.param(some.map(({ kind }) => kind))}::text[], ${hexArray(some.map(({ ownerId }) => ownerId))},
        ${hexArray(some.map(({ salt }) => salt))}, ${amounts(({ freeMsat }) => freeMsat)},
        ${amounts(({ boundMsat }) => boundMsat)}, ${amounts(({ inFlightMsat }) => inFlightMsat)})
        WITH ORDINALITY AS t(kind, owner_id, salt, free, bound, flying, place)`);
  }
  return true;
}

function* chunks<T>(all: readonly T[]): Generator<[number, readonly T[]]> {
  for (let from = 0; from < all.length; from += ROWS_AT_ONCE) yield [from, all.slice(from, from + ROWS_AT_ONCE)];
}

async function readProof(
  database: Database,
  sequence: number,
  kind: CreditorKind,
  ownerId: string,
): Promise<OwnProof | undefined> {
  const owner = Buffer.from(ownerId, 'hex');
  const { rows } = await database.execute<{
    leaf_count: number;
    position: number | null;
    salt: Buffer;
    free_msat: string;
    bound_msat: string;
    in_flight_msat: string;
  }>(sql`
    SELECT r.leaf_count, l.position, l.salt, l.free_msat, l.bound_msat, l.in_flight_msat
    FROM ${liabilityRoots} r LEFT JOIN ${liabilityLeaves} l
      ON l.sequence = r.sequence AND l.kind = ${kind} AND l.owner_id = ${owner}
    WHERE r.sequence = ${sequence} AND r.has_tree`);
  const [row] = rows;
  if (row === undefined) throw fail('liabilities.unknown', { sequence });
  if (row.position === null) return undefined;
  const places = siblingPlaces(row.position, row.leaf_count);
  const found = await database.execute<{ hash: Buffer; sum_msat: string }>(sql`
    SELECT n.hash, n.sum_msat
    FROM unnest(${sql.param(places.map(({ level }) => level))}::int[],
      ${sql.param(places.map(({ position }) => position))}::int[]) AS t(level, position)
    JOIN ${liabilityNodes} n ON n.sequence = ${sequence} AND n.level = t.level AND n.position = t.position
    ORDER BY n.level`);
  return {
    kind,
    ownerId,
    salt: row.salt.toString('hex'),
    freeMsat: BigInt(row.free_msat),
    boundMsat: BigInt(row.bound_msat),
    inFlightMsat: BigInt(row.in_flight_msat),
    leafIndex: row.position,
    siblings: found.rows.map(({ hash, sum_msat: sum }) => ({ hash: hash.toString('hex'), sumMsat: BigInt(sum) })),
  };
}
