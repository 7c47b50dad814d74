/** Rows of payouts as the domain has them: who could be paid, what is open, what was paid to whom. */
import { sql } from 'drizzle-orm';
import type {
  BatchDetail,
  BatchSummary,
  Candidate,
  OpenBatch,
  Owner,
  Payee,
  Payment,
  PayoutInput,
  PayoutState,
  SignedTransaction,
} from '../../payouts/index.ts';
import type { Outpoint } from '../../rail/index.ts';
import type { Database, Transaction } from './database.ts';
import { NOT_TAKEN_BACK } from './payout-addresses.ts';
import { payoutAddresses, payoutApprovals, payoutInputs, payoutSteps } from './payouts-schema.ts';

type Reader = Pick<Database | Transaction, 'execute'>;

const DAY_MS = 86_400_000;

const hex = (bytes: Buffer): string => bytes.toString('hex');

interface CandidateRow extends Record<string, unknown> {
  node_no: number | null;
  node_id: Buffer | null;
  withdrawal_no: number | null;
  withdrawal_id: Buffer | null;
  client_id: Buffer | null;
  address: string;
  script: Buffer;
  due_sats: string;
  since_ms: string;
  approved_sats: string | null;
  unasked_sats: string | null;
}

/**
 * For nodes that settled nothing since they were paid last, having left perhaps: what was withheld from them, or came
 * for a repair, or was left by a limit, grows old, too.
 */
const BOOKED_SINCE = sql`LEFT JOIN LATERAL (
  SELECT coalesce((
      SELECT t.made_at_ms FROM ledger_entries x JOIN ledger_transfers t USING (transfer_no)
      WHERE x.account_no = e.account_no AND NOT x.is_settlement AND x.transfer_no > coalesce(paid.transfer_no, 0)
      ORDER BY x.transfer_no LIMIT 1), paid.made_at_ms) AS at_ms
  FROM (SELECT) nothing LEFT JOIN LATERAL (
    SELECT t.transfer_no, t.made_at_ms FROM ledger_entries y JOIN ledger_transfers t USING (transfer_no)
    WHERE y.account_no = e.account_no AND NOT y.is_settlement AND y.amount_msat < 0
    ORDER BY y.transfer_no DESC LIMIT 1) paid ON true
) booked ON first.settled_at_ms IS NULL`;

/** Withdrawals first, in the order in which they were asked for; then nodes, those who wait longest first. */
export async function listCandidates(reader: Reader, nowMs: number): Promise<Candidate[]> {
  const { rows } = await reader.execute<CandidateRow>(sql`
    SELECT NULL::int AS node_no, NULL::bytea AS node_id, w.withdrawal_no, w.withdrawal_id, w.client_id, w.address,
      w.script, w.amount_sats AS due_sats, w.requested_at_ms AS since_ms, a.up_to_sats AS approved_sats, (
        SELECT sum(v.amount_sats) FROM withdrawals v JOIN payout_payees y USING (withdrawal_no) JOIN payout_batches b USING (batch_no)
        WHERE v.client_id = w.client_id AND b.planned_at_ms > ${nowMs - DAY_MS} AND b.state <> 'voided'
          AND NOT EXISTS (SELECT FROM ${payoutApprovals} x WHERE x.used_by = b.batch_no AND x.withdrawal_no = v.withdrawal_no)
      ) AS unasked_sats
    FROM withdrawals w LEFT JOIN ${payoutApprovals} a ON a.withdrawal_no = w.withdrawal_no AND a.used_by IS NULL
    WHERE w.state = 'waiting'
    UNION ALL
    SELECT n.node_no, n.node_id, NULL, NULL, NULL, p.address, p.script, e.balance_msat / 1000,
      coalesce(first.settled_at_ms, booked.at_ms, ${nowMs}), a.up_to_sats, NULL
    FROM ledger_accounts e JOIN nodes n ON n.node_no = e.node_no
    JOIN LATERAL (
      SELECT address, script FROM ${payoutAddresses} p
      WHERE p.node_no = n.node_no AND p.effective_at_ms <= ${nowMs} AND ${NOT_TAKEN_BACK} ORDER BY p.sequence DESC LIMIT 1) p ON true
    LEFT JOIN LATERAL (
      SELECT min(s.settled_at_ms) AS settled_at_ms FROM settlements s
      WHERE s.node_no = n.node_no AND s.earned_msat > 0 AND s.settled_at_ms > coalesce((
        SELECT max(b.planned_at_ms) FROM payout_payees y JOIN payout_batches b USING (batch_no)
        WHERE y.node_no = n.node_no AND b.state <> 'voided'), -1)) first ON true
    ${BOOKED_SINCE}
    LEFT JOIN ${payoutApprovals} a ON a.node_no = n.node_no AND a.used_by IS NULL
    WHERE e.kind = 'earned' AND e.balance_msat >= 1000
    ORDER BY node_no NULLS FIRST, withdrawal_no, since_ms`);
  const candidates = rows.map((row): Candidate => ({
    owner: ownerOf(row),
    address: row.address,
    script: hex(row.script),
    dueSats: BigInt(row.due_sats),
    sinceMs: Number(row.since_ms),
    ...(row.approved_sats !== null && { approvedSats: BigInt(row.approved_sats) }),
    ...(row.unasked_sats !== null && { unaskedSats: BigInt(row.unasked_sats) }),
  }));
  return candidates.toSorted((a, b) =>
    a.owner.kind === b.owner.kind ? a.sinceMs - b.sinceMs : a.owner.kind === 'withdrawal' ? -1 : 1,
  );
}

interface OwnerRow {
  readonly node_no: number | null;
  readonly node_id: Buffer | null;
  readonly withdrawal_no: number | null;
  readonly withdrawal_id: Buffer | null;
  readonly client_id: Buffer | null;
}

const ownerOf = (row: OwnerRow): Owner =>
  row.node_no !== null
    ? { kind: 'node', nodeNo: row.node_no, nodeId: hex(row.node_id!) }
    : {
        kind: 'withdrawal',
        withdrawalNo: row.withdrawal_no!,
        withdrawalId: hex(row.withdrawal_id!),
        clientId: hex(row.client_id!),
      };

export async function listTakenInputs(reader: Reader): Promise<Outpoint[]> {
  const { rows } = await reader.execute<{ txid: Buffer; vout: number }>(
    sql`SELECT txid, vout FROM ${payoutInputs} WHERE NOT is_released`,
  );
  return rows.map(({ txid, vout }) => ({ txid: hex(txid), vout }));
}

interface BatchRow extends Record<string, unknown> {
  batch_no: number;
  batch_id: Buffer;
  state: PayoutState;
  designated_txid: Buffer;
  designated_vout: number;
  change_index: number;
  settled_txid: Buffer | null;
}

/** Those that are neither final nor void, oldest first. */
export async function listOpenBatches(reader: Reader): Promise<OpenBatch[]> {
  const { rows } = await reader.execute<BatchRow>(sql`
    SELECT * FROM payout_batches WHERE state NOT IN ('final', 'voided') ORDER BY batch_no`);
  return Promise.all(rows.map((row) => toOpenBatch(reader, row)));
}

export async function readOpenBatch(reader: Reader, batchNo: number): Promise<OpenBatch> {
  const { rows } = await reader.execute<BatchRow>(sql`SELECT * FROM payout_batches WHERE batch_no = ${batchNo}`);
  return toOpenBatch(reader, rows[0]!);
}

async function toOpenBatch(reader: Reader, row: BatchRow): Promise<OpenBatch> {
  return {
    batchNo: row.batch_no,
    batchId: hex(row.batch_id),
    state: row.state,
    designated: { txid: hex(row.designated_txid), vout: row.designated_vout },
    changeIndex: row.change_index,
    inputs: await readInputs(reader, row.batch_no),
    payees: await readPayees(reader, row.batch_no),
    transactions: await readTransactions(reader, row.batch_no),
    ...(row.settled_txid !== null && { settledTxid: hex(row.settled_txid) }),
  };
}

async function readInputs(reader: Reader, batchNo: number): Promise<PayoutInput[]> {
  const { rows } = await reader.execute<{ txid: Buffer; vout: number; sats: string; address: string; script: Buffer }>(
    sql`SELECT * FROM ${payoutInputs} WHERE batch_no = ${batchNo} ORDER BY txid, vout`,
  );
  return rows.map(({ txid, vout, sats, address, script }) => ({
    txid: hex(txid),
    vout,
    sats: BigInt(sats),
    address,
    script: hex(script),
  }));
}

interface PayeeRow extends OwnerRow, Record<string, unknown> {
  address: string;
  script: Buffer;
  gross_sats: string;
  fee_share_sats: string;
}

async function readPayees(reader: Reader, batchNo: number): Promise<Payee[]> {
  const { rows } = await reader.execute<PayeeRow>(sql`
    SELECT p.node_no, n.node_id, p.withdrawal_no, w.withdrawal_id, w.client_id, p.address, p.script, p.gross_sats,
      p.fee_share_sats
    FROM payout_payees p LEFT JOIN nodes n USING (node_no) LEFT JOIN withdrawals w USING (withdrawal_no)
    WHERE p.batch_no = ${batchNo} ORDER BY p.payee_no`);
  return rows.map((row) => ({
    owner: ownerOf(row),
    address: row.address,
    script: hex(row.script),
    grossSats: BigInt(row.gross_sats),
    feeShareSats: BigInt(row.fee_share_sats),
  }));
}

interface TransactionRow extends Record<string, unknown> {
  replacement_no: number;
  txid: Buffer;
  signed: Buffer;
  fee_sats: string;
  sat_per_kvb: string;
  signed_at_ms: string;
  signed_at_height: number;
  broadcast_at_ms: string | null;
}

async function readTransactions(reader: Reader, batchNo: number): Promise<SignedTransaction[]> {
  const { rows } = await reader.execute<TransactionRow>(
    sql`SELECT * FROM payout_transactions WHERE batch_no = ${batchNo} ORDER BY replacement_no`,
  );
  return rows.map((row) => ({
    replacementNo: row.replacement_no,
    txid: hex(row.txid),
    signed: hex(row.signed),
    feeSats: BigInt(row.fee_sats),
    satPerKvb: BigInt(row.sat_per_kvb),
    signedAtMs: Number(row.signed_at_ms),
    signedAtHeight: row.signed_at_height,
    ...(row.broadcast_at_ms !== null && { broadcastAtMs: Number(row.broadcast_at_ms) }),
  }));
}

/** In the chain, or else what was signed last. */
const SHOWN_TXID = sql`coalesce(b.settled_txid, (SELECT t.txid FROM payout_transactions t
  WHERE t.batch_no = b.batch_no ORDER BY t.replacement_no DESC LIMIT 1))`;

interface SummaryRow extends BatchRow {
  payee_count: string;
  gross_sats: string;
  fee_sats: string;
  extra_fee_sats: string;
  planned_at_ms: string;
  closed_at_ms: string | null;
  shown_txid: Buffer;
}

const SUMMARY = sql`b.*, ${SHOWN_TXID} AS shown_txid,
  (SELECT count(*) FROM payout_payees p WHERE p.batch_no = b.batch_no) AS payee_count`;

const toSummary = (row: SummaryRow): BatchSummary => ({
  batchNo: row.batch_no,
  batchId: hex(row.batch_id),
  state: row.state,
  payeeCount: Number(row.payee_count),
  grossSats: BigInt(row.gross_sats),
  feeSats: BigInt(row.fee_sats),
  extraFeeSats: BigInt(row.extra_fee_sats),
  plannedAtMs: Number(row.planned_at_ms),
  ...(row.closed_at_ms !== null && { closedAtMs: Number(row.closed_at_ms) }),
  txid: hex(row.shown_txid),
});

export async function listBatches(
  reader: Reader,
  { before, limit }: { before?: number; limit: number },
): Promise<BatchSummary[]> {
  const { rows } = await reader.execute<SummaryRow>(sql`
    SELECT ${SUMMARY} FROM payout_batches b ${before === undefined ? sql`` : sql`WHERE b.batch_no < ${before}`}
    ORDER BY b.batch_no DESC LIMIT ${limit}`);
  return rows.map(toSummary);
}

export async function findBatch(reader: Reader, batchId: string): Promise<BatchDetail | undefined> {
  const { rows } = await reader.execute<SummaryRow>(sql`
    SELECT ${SUMMARY} FROM payout_batches b WHERE b.batch_id = ${Buffer.from(batchId, 'hex')}`);
  const [row] = rows;
  if (row === undefined) return undefined;
  const steps = await reader.execute<{ step: string; happened_at_ms: string; data: Record<string, unknown> }>(sql`
    SELECT step, happened_at_ms, data FROM ${payoutSteps} WHERE batch_no = ${row.batch_no} ORDER BY step_no`);
  const { designated, inputs, payees, transactions } = await toOpenBatch(reader, row);
  return {
    ...toSummary(row),
    designated,
    inputs,
    payees,
    transactions,
    steps: steps.rows.map(({ step, happened_at_ms, data }) => ({ step, happenedAtMs: Number(happened_at_ms), data })),
  };
}

export async function listPaymentsToNode(
  reader: Reader,
  nodeId: string,
  { limit }: { limit: number },
): Promise<Payment[]> {
  const { rows } = await reader.execute<SummaryRow & PayeeRow & { payee_gross_sats: string }>(sql`
    SELECT b.*, ${SHOWN_TXID} AS shown_txid, p.address, p.gross_sats AS payee_gross_sats, p.fee_share_sats
    FROM payout_payees p JOIN payout_batches b USING (batch_no)
    WHERE p.node_no = (SELECT node_no FROM nodes WHERE node_id = ${Buffer.from(nodeId, 'hex')})
    ORDER BY b.batch_no DESC LIMIT ${limit}`);
  return rows.map((row) => ({
    batchId: hex(row.batch_id),
    state: row.state,
    address: row.address,
    grossSats: BigInt(row.payee_gross_sats),
    feeShareSats: BigInt(row.fee_share_sats),
    plannedAtMs: Number(row.planned_at_ms),
    txid: hex(row.shown_txid),
  }));
}
