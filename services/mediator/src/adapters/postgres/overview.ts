/** Reading across the domains: standings, challenges of a period, transfers with whose they are. */
import { msat } from '@holdfast/protocol';
import { asc, eq, gt, getTableColumns, sql } from 'drizzle-orm';
import type { AccountKind, TransferKind } from '../../ledger/index.ts';
import type { Leg, OverviewStore, RetrievalCheckRecord, Scope, StandingRecord } from '../../overview/index.ts';
import { RECORD, type RecordRow, toRecord } from './challenge-reads.ts';
import { challenges, nodeReputations, retrievalChecks } from './challenge-schema.ts';
import type { Database } from './database.ts';
import { eventsAfter, eventsEnd } from './overview-events.ts';
import { readMarket } from './overview-market.ts';
import {
  agreements,
  agreementSpans,
  ledgerAccounts,
  ledgerEntries,
  ledgerTransfers,
  settlements,
  uploadReserves,
} from './ledger-schema.ts';
import { NODE_FIELDS, toNodeRecord } from './nodes.ts';
import { nodes } from './schema.ts';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const nodeNoOf = (nodeId: string) => sql`(SELECT node_no FROM ${nodes} WHERE node_id = ${bytes(nodeId)})`;

export function createOverviewStore(database: Database): OverviewStore {
  return {
    listStandings: ({ after, limit }) =>
      readStandings(database, after === undefined ? undefined : gt(nodes.nodeId, after), limit),
    findStanding: async (nodeId) => (await readStandings(database, eq(nodes.nodeId, nodeId), 1))[0],
    async listOfPeriod(period, { after, outcome, limit }) {
      const { rows } = await database.execute<RecordRow>(sql`
        SELECT ${RECORD} FROM ${challenges} c JOIN ${nodes} n ON n.node_no = c.node_no
        WHERE c.period = ${period} ${after === undefined ? sql`` : sql`AND n.node_id > ${bytes(after)}`}
          ${outcome === undefined ? sql`` : sql`AND c.outcome = ${outcome}`}
        ORDER BY n.node_id LIMIT ${limit}`);
      return rows.map(toRecord);
    },
    async listInRanges(nodeId, ranges, { beforePeriod, limit }) {
      const { rows } = await database.execute<RecordRow>(sql`
        SELECT ${RECORD} FROM ${challenges} c JOIN ${nodes} n ON n.node_no = c.node_no
        WHERE c.node_no = ${nodeNoOf(nodeId)} ${beforePeriod === undefined ? sql`` : sql`AND c.period < ${beforePeriod}`}
          AND EXISTS (SELECT FROM unnest(
              ${sql.param(ranges.map(({ from }) => from))}::int[], ${sql.param(ranges.map(({ until }) => until))}::int[]
            ) AS range(first, until) WHERE c.period >= range.first AND c.period < range.until)
        ORDER BY c.period DESC LIMIT ${limit}`);
      return rows.map(toRecord);
    },
    async agreedPeriods(clientId, nodeId) {
      const { rows } = await database.execute<{ first: number; until: number }>(sql`
        SELECT a.start_period AS first, least(a.end_period, max(s.until_period)) AS until
        FROM ${agreements} a JOIN ${agreementSpans} s ON s.agreement_no = a.agreement_no AND s.stored_bytes > 0
        WHERE a.client_id = ${bytes(clientId)} AND a.node_no = ${nodeNoOf(nodeId)}
        GROUP BY a.agreement_no ORDER BY a.agreement_no`);
      return rows.map(({ first, until }) => ({ from: first, until }));
    },
    async listChecks(nodeId, { before, limit }) {
      const { rows } = await database.execute<CheckRow>(sql`
        SELECT check_no, checked_at_ms, outcome, detail, encode(pack_id, 'hex') AS pack_id, shard_index, from_byte,
          length_bytes FROM ${retrievalChecks}
        WHERE node_no = ${nodeNoOf(nodeId)} ${before === undefined ? sql`` : sql`AND check_no < ${before}`}
        ORDER BY check_no DESC LIMIT ${limit}`);
      return rows.map(toCheck);
    },
    async listWithheld(nodeId, { fromPeriod, periods }) {
      const { rows } = await database.execute<{ until_period: number; amount: string }>(sql`
        SELECT max(period) AS until_period, sum(withheld_msat) AS amount FROM ${settlements}
        WHERE node_no = ${nodeNoOf(nodeId)} AND period >= ${fromPeriod} AND withheld_msat > 0
        GROUP BY (period - ${fromPeriod}::int) / ${periods}::int ORDER BY until_period`);
      return rows.map((row) => ({ untilPeriod: row.until_period, amountMsat: msat(BigInt(row.amount)) }));
    },
    listTransfers: (page) => listTransfers(database, page),
    findTransfer: (transferNo, scope, limit) => findTransfer(database, transferNo, scope, limit),
    market: (nowMs, offlineAfterMs) => readMarket(database, nowMs, offlineAfterMs),
    eventsAfter: (place, until, scope, limit) => eventsAfter(database, { place, until }, scope, limit),
    eventsEnd: () => eventsEnd(database),
  };
}

async function readStandings(
  database: Database,
  condition: ReturnType<typeof gt> | undefined,
  limit: number,
): Promise<StandingRecord[]> {
  const { probe: _, ...reputationFields } = getTableColumns(nodeReputations);
  const rows = await database
    .select({ node: NODE_FIELDS, reputation: reputationFields })
    .from(nodes)
    .leftJoin(nodeReputations, eq(nodeReputations.nodeNo, nodes.nodeNo))
    .where(condition)
    .orderBy(asc(nodes.nodeId))
    .limit(limit);
  return rows.map(({ node, reputation }) => {
    const record = toNodeRecord(node);
    if (reputation === null) return { node: record };
    const { passedPeriods, failedPeriods, absentPeriods, lastPeriod, isServing } = reputation;
    const scores = {
      proofs: { good: reputation.proofsGood, bad: reputation.proofsBad },
      availability: { good: reputation.availabilityGood, bad: reputation.availabilityBad },
    };
    const past = { ...scores, passedPeriods, failedPeriods, absentPeriods };
    return { node: record, reputation: { standing: node.standing, reputation: past, lastPeriod, isServing } };
  });
}

interface CheckRow extends Record<string, unknown> {
  check_no: string;
  checked_at_ms: string;
  outcome: RetrievalCheckRecord['outcome'];
  detail: string;
  pack_id: string;
  shard_index: number;
  from_byte: number;
  length_bytes: number;
}

const toCheck = (row: CheckRow): RetrievalCheckRecord => ({
  checkNo: Number(row.check_no),
  checkedAtMs: Number(row.checked_at_ms),
  outcome: row.outcome,
  detail: row.detail,
  packId: row.pack_id,
  shardIndex: row.shard_index,
  fromByte: row.from_byte,
  lengthBytes: row.length_bytes,
});

interface TransferRow extends Record<string, unknown> {
  transfer_no: string;
  kind: TransferKind;
  made_at_ms: string;
  period: number | null;
  note: string | null;
  reference: string | null;
  node_id: string | null;
  amount: string;
  leg_count: string;
}

const toHead = (row: Pick<TransferRow, 'transfer_no' | 'kind' | 'made_at_ms' | 'period' | 'note'>) => ({
  transferNo: BigInt(row.transfer_no),
  kind: row.kind,
  madeAtMs: Number(row.made_at_ms),
  ...(row.period !== null && { period: row.period }),
  ...(row.note !== null && { note: row.note }),
});

async function listTransfers(
  database: Database,
  { before, kind, limit }: { before?: bigint; kind?: TransferKind; limit: number },
) {
  const { rows } = await database.execute<TransferRow>(sql`
    SELECT t.transfer_no, t.kind, t.made_at_ms, t.period, t.note, t.reference, encode(n.node_id, 'hex') AS node_id,
      e.amount, e.leg_count
    FROM (SELECT * FROM ${ledgerTransfers}
      WHERE ${before === undefined ? sql`true` : sql`transfer_no < ${before}`}
        ${kind === undefined ? sql`` : sql`AND kind = ${kind}`}
      ORDER BY transfer_no DESC LIMIT ${limit}) AS t
    LEFT JOIN ${nodes} n ON n.node_no = t.node_no,
    LATERAL (SELECT coalesce(sum(amount_msat) FILTER (WHERE amount_msat > 0), 0) AS amount, count(*) AS leg_count
      FROM ${ledgerEntries} WHERE transfer_no = t.transfer_no) AS e
    ORDER BY t.transfer_no DESC`);
  return rows.map((row) => ({
    ...toHead(row),
    amountMsat: msat(BigInt(row.amount)),
    legCount: Number(row.leg_count),
    ...(row.node_id !== null && { nodeId: row.node_id }),
    ...(row.reference !== null && { reference: row.reference }),
  }));
}

interface LegRow extends Record<string, unknown> {
  account: AccountKind;
  amount_msat: string;
  client_id: string | null;
  node_id: string | null;
  agreement_id: string | null;
  upload_id: string | null;
}

async function findTransfer(database: Database, transferNo: bigint, scope: Scope, limit: number) {
  const { rows: heads } = await database.execute<TransferRow>(sql`
    SELECT t.transfer_no, t.kind, t.made_at_ms, t.period, t.note,
      (SELECT count(*) FROM ${ledgerEntries} e WHERE e.transfer_no = t.transfer_no) AS leg_count
    FROM ${ledgerTransfers} t WHERE t.transfer_no = ${transferNo}`);
  const [head] = heads;
  if (head === undefined) return undefined;
  const { rows } = await database.execute<LegRow>(sql`
    SELECT a.kind AS account, e.amount_msat, encode(coalesce(a.client_id, own.client_id), 'hex') AS client_id,
      encode(n.node_id, 'hex') AS node_id, encode(g.agreement_id, 'hex') AS agreement_id,
      encode(u.upload_id, 'hex') AS upload_id
    FROM ${ledgerEntries} e JOIN ${ledgerAccounts} a ON a.account_no = e.account_no
    LEFT JOIN ${ledgerAccounts} own ON own.account_no = a.available_no
    LEFT JOIN ${nodes} n ON n.node_no = a.node_no
    LEFT JOIN ${agreements} g ON g.hold_no = a.account_no
    LEFT JOIN ${uploadReserves} u ON u.account_no = a.account_no
    WHERE e.transfer_no = ${transferNo} AND ${ownedBy(scope)}
    ORDER BY e.account_no LIMIT ${limit}`);
  return { ...toHead(head), legs: rows.map(toLeg), legCount: Number(head.leg_count) };
}

/** A node's are what it earned; holds and reserves are its clients' money. */
function ownedBy(scope: Scope) {
  if (scope === 'all') return sql`true`;
  return 'nodeId' in scope
    ? sql`a.kind IN ('earned', 'withheld') AND n.node_id = ${bytes(scope.nodeId)}`
    : sql`e.account_no IN (
        SELECT account_no FROM ${ledgerAccounts} WHERE kind = 'available' AND client_id = ${bytes(scope.clientId)}
        UNION ALL SELECT part.account_no FROM ${ledgerAccounts} purse
          JOIN ${ledgerAccounts} part ON part.available_no = purse.account_no
          WHERE purse.kind = 'available' AND purse.client_id = ${bytes(scope.clientId)})`;
}

const toLeg = (row: LegRow): Leg => ({
  account: row.account,
  amountMsat: msat(BigInt(row.amount_msat)),
  ...(row.client_id !== null && { clientId: row.client_id }),
  ...(row.node_id !== null && { nodeId: row.node_id }),
  ...(row.agreement_id !== null && { agreementId: row.agreement_id }),
  ...(row.upload_id !== null && { uploadId: row.upload_id }),
});
