/** What reconciliations know and keep, in Postgres: wallets' outputs, the books at one moment, own bookings, outcomes. */
import { sql } from 'drizzle-orm';
import type {
  Booking,
  Books,
  Findings,
  Line,
  Reconciliation,
  ReconciliationStore,
  WalletOutput,
} from '../../reconciliation/index.ts';
import { runAlone } from './alone.ts';
import { hexArray } from './columns.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { noteEvents } from './events.ts';
import { type Leg, mediatorAccount, post } from './ledger.ts';
import { reconciliations, walletCursors, walletMovements, walletOutputs } from './liabilities-schema.ts';
import { deposits } from './deposits-schema.ts';
import { payoutBatches, payoutControls, payoutPayees, payoutTransactions } from './payouts-schema.ts';

const MSAT = 1_000n;

const hex = (bytes: Buffer): string => bytes.toString('hex');

export function createReconciliationStore(database: Database): ReconciliationStore {
  return {
    alone: (work) => runAlone(database, 'reconciliation', work),
    async cursor(wallet) {
      const { rows } = await database.execute<{ cursor: string }>(sql`
        SELECT cursor FROM ${walletCursors} WHERE wallet = ${wallet}`);
      return rows[0]?.cursor;
    },
    noteOutputs: (wallet, seen, gone, cursor) =>
      inTransaction(database, async (tx) => {
        const vouts = (list: readonly { vout: number }[]) => sql`${sql.param(list.map(({ vout }) => vout))}::int[]`;
        await tx.execute(sql`
          DELETE FROM ${walletOutputs} WHERE (txid, vout) IN (
            SELECT * FROM unnest(${hexArray(gone.map(({ txid }) => txid))}, ${vouts(gone)}))`);
        await tx.execute(sql`
          INSERT INTO ${walletOutputs} (txid, vout, wallet, address, sats)
          SELECT txid, vout, ${wallet}, address, sats
          FROM unnest(${hexArray(seen.map(({ txid }) => txid))}, ${vouts(seen)},
            ${sql.param(seen.map(({ address }) => address))}::text[],
            ${sql.param(seen.map(({ sats }) => sats))}::bigint[]) AS t(txid, vout, address, sats)
          ON CONFLICT (txid, vout) DO NOTHING`);
        await tx.execute(sql`
          INSERT INTO ${walletCursors} (wallet, cursor) VALUES (${wallet}, ${cursor})
          ON CONFLICT (wallet) DO UPDATE SET cursor = excluded.cursor`);
      }),
    outputs: () => readOutputs(database),
    async noteSpent(spent) {
      if (spent.length === 0) return;
      await database.execute(sql`
        UPDATE ${walletOutputs} o SET spent_by = t.spent_by
        FROM unnest(${hexArray(spent.map(({ txid }) => txid))}, ${sql.param(spent.map(({ vout }) => vout))}::int[],
          ${hexArray(spent.map(({ spentBy }) => spentBy))}) AS t(txid, vout, spent_by)
        WHERE o.txid = t.txid AND o.vout = t.vout`);
    },
    books: () => inTransaction(database, readBooks),
    book: (booking, nowMs) => inTransaction(database, (tx) => book(tx, booking, nowMs)),
    note: (findings) => inTransaction(database, (tx) => note(tx, findings)),
    resolve: (number, { resolvedBy, note: why }, nowMs) =>
      inTransaction(database, async (tx) => {
        const { rows } = await tx.execute(sql`
          UPDATE ${reconciliations} SET state = 'resolved', resolved_by = ${Buffer.from(resolvedBy, 'hex')},
            resolved_at_ms = ${nowMs}, note = ${why}
          WHERE number <= ${number} AND state = 'differs' RETURNING number`);
        if (!rows.some((row) => row['number'] === number)) return undefined;
        await tx.execute(sql`
          DELETE FROM ${payoutControls} WHERE paused_by = 'reconciliation'
            AND NOT EXISTS (SELECT FROM ${reconciliations} WHERE state = 'differs')`);
        await noteEvents(tx, [{ kind: 'reconciliation.resolved', data: { number, note: why } }], nowMs);
        return (await select(tx, sql`WHERE number = ${number}`))[0];
      }),
    newest: async () => (await select(database, sql`ORDER BY number DESC LIMIT 1`))[0],
    find: async (number) => (await select(database, sql`WHERE number = ${number}`))[0],
    list: ({ before, limit }) =>
      select(
        database,
        sql`${before === undefined ? sql`` : sql`WHERE number < ${before}`} ORDER BY number DESC LIMIT ${limit}`,
      ),
  };
}

async function readOutputs(database: Database): Promise<WalletOutput[]> {
  const { rows } = await database.execute<{
    txid: Buffer;
    vout: number;
    wallet: WalletOutput['wallet'];
    sats: string;
    spent_by: Buffer | null;
  }>(sql`SELECT txid, vout, wallet, sats, spent_by FROM ${walletOutputs}`);
  return rows.map(({ txid, vout, wallet, sats, spent_by: spentBy }) => ({
    txid: hex(txid),
    vout,
    wallet,
    sats: BigInt(sats),
    ...(spentBy !== null && { spentBy: hex(spentBy) }),
  }));
}

/** Ledger and rows as one transaction sees them. */
async function readBooks(tx: Transaction): Promise<Books> {
  await tx.execute(sql`SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY`);
  const ledger = await tx.execute<{ msat: string }>(sql`
    SELECT deposits + capital - payouts_paid - withdrawals_paid - network_fees AS msat FROM ledger_position`);
  const seen = await tx.execute<{
    txid: Buffer;
    vout: number;
    sats: string;
    state: string;
    client_id: Buffer | null;
  }>(sql`
    SELECT txid, vout, sats, state, client_id FROM ${deposits}`);
  const paid = await tx.execute<{
    txid: Buffer;
    outflow: string;
    state: string;
    unbooked: string;
    returned: string;
  }>(sql`
    SELECT t.txid, b.gross_sats - b.fee_sats + t.fee_sats AS outflow,
      CASE WHEN b.state = 'final' AND b.settled_txid = t.txid THEN 'final'
        WHEN b.state IN ('final', 'voided') THEN 'beaten' ELSE 'open' END AS state,
      CASE WHEN b.is_extra_fee_booked THEN 0 ELSE b.extra_fee_sats END AS unbooked,
      (SELECT coalesce(sum(o.sats), 0) FROM ${walletOutputs} o WHERE o.txid = t.txid AND o.wallet = 'payouts'
        AND EXISTS (SELECT FROM ${payoutPayees} p WHERE p.batch_no = t.batch_no AND p.address = o.address)) AS returned
    FROM ${payoutTransactions} t JOIN ${payoutBatches} b USING (batch_no)`);
  const moved = await tx.execute<{ txid: Buffer; sats: string }>(sql`SELECT txid, sats FROM ${walletMovements}`);
  return {
    ledgerMsat: BigInt(ledger.rows[0]!.msat),
    deposits: seen.rows.map(({ txid, vout, sats, state, client_id: clientId }) => ({
      txid: hex(txid),
      vout,
      sats: BigInt(sats),
      state: state as Books['deposits'][number]['state'],
      ...(clientId !== null && { clientId: hex(clientId) }),
    })),
    payouts: paid.rows.map(({ txid, outflow, state, unbooked, returned }) => ({
      txid: hex(txid),
      outflowSats: BigInt(outflow),
      state: state as Books['payouts'][number]['state'],
      unbookedSats: BigInt(unbooked),
      returnedSats: BigInt(returned),
    })),
    movements: moved.rows.map(({ txid, sats }) => ({ txid: hex(txid), sats: BigInt(sats) })),
  };
}

async function book(tx: Transaction, { txid, kind, sats, note: why }: Booking, nowMs: number): Promise<boolean> {
  const float = await mediatorAccount(tx, 'float');
  const amountMsat = (sats < 0n ? -sats : sats) * MSAT;
  const outside = { funding: 'capital', funding_returned: 'capital', sweep_fee: 'network_fees' } as const;
  const there = await mediatorAccount(tx, outside[kind]);
  const legs: Leg[] | undefined =
    kind === 'funding'
      ? [
          { accountNo: there, amountMsat: -amountMsat },
          { accountNo: float, amountMsat },
        ]
      : await takeOwn(tx, float, there, amountMsat);
  if (legs === undefined) return false;
  const before = await tx.execute<{ count: string }>(sql`
    SELECT count(*) FROM ${walletMovements} WHERE txid = ${Buffer.from(txid, 'hex')}`);
  const turn = Number(before.rows[0]!.count);
  const reference = turn === 0 ? txid : `${txid}#${turn + 1}`;
  const transferNo = await post(tx, { kind, reference, ...(why !== undefined && { note: why }) }, legs, nowMs);
  await tx.execute(sql`
    INSERT INTO ${walletMovements} (txid, kind, sats, transfer_no, note, booked_at_ms)
    VALUES (${Buffer.from(txid, 'hex')}, ${kind}, ${sats}, ${transferNo!}, ${why ?? null}, ${nowMs})`);
  return true;
}

/** From the float first, then from the commission at the nodes that brought most; undefined when both do not suffice. */
async function takeOwn(tx: Transaction, float: number, there: number, amountMsat: bigint): Promise<Leg[] | undefined> {
  await tx.execute(sql`SELECT FROM ledger_nodes ORDER BY node_no FOR NO KEY UPDATE`);
  const { rows } = await tx.execute<{ account_no: number; balance_msat: string }>(sql`
    SELECT account_no, balance_msat FROM ledger_accounts
    WHERE (account_no = ${float} OR kind = 'commission') AND balance_msat > 0
    ORDER BY kind = 'commission', balance_msat DESC, account_no`);
  const legs: Leg[] = [];
  let left = amountMsat;
  for (const row of rows) {
    const balance = BigInt(row.balance_msat);
    const taken = balance < left ? balance : left;
    if (taken > 0n) legs.push({ accountNo: row.account_no, amountMsat: -taken });
    left -= taken;
  }
  return left > 0n ? undefined : [...legs, { accountNo: there, amountMsat }];
}

const asJson = (lines: readonly Line[]): string =>
  JSON.stringify(lines.map(({ subject, what, sats }) => ({ subject, what, sats: String(sats) })));

async function note(tx: Transaction, findings: Findings): Promise<Reconciliation> {
  const { checkedAtMs, tip, chainSats, ledgerMsat, pending, differences } = findings;
  const pendingSats = pending.reduce((sum, { sats }) => sum + sats, 0n);
  const state = differences.length === 0 ? 'balanced' : 'differs';
  const { rows } = await tx.execute<{ number: number }>(sql`
    INSERT INTO ${reconciliations}
      (state, checked_at_ms, tip_height, tip_hash, chain_sats, ledger_msat, pending_sats, pending, differences)
    VALUES (${state}, ${checkedAtMs}, ${tip.height}, ${Buffer.from(tip.hash, 'hex')}, ${chainSats}, ${ledgerMsat},
      ${pendingSats}, ${asJson(pending)}::jsonb, ${asJson(differences)}::jsonb)
    RETURNING number`);
  const { number } = rows[0]!;
  if (state === 'differs') {
    const reason = `reconciliation ${number}: ledger and chain differ in ${differences.length} places`;
    await tx.execute(sql`
      INSERT INTO ${payoutControls} (paused_by, reason, paused_at_ms) VALUES ('reconciliation', ${reason}, ${checkedAtMs})
      ON CONFLICT (paused_by) DO UPDATE SET reason = excluded.reason`);
    const shown = differences.map(({ subject, what, sats }) => ({ subject, what, sats: String(sats) }));
    await noteEvents(tx, [{ kind: 'reconciliation.differs', data: { number, differences: shown } }], checkedAtMs);
  }
  return (await select(tx, sql`WHERE number = ${number}`))[0]!;
}

interface Row extends Record<string, unknown> {
  number: number;
  state: Reconciliation['state'];
  checked_at_ms: string;
  tip_height: number;
  tip_hash: Buffer;
  chain_sats: string;
  ledger_msat: string;
  pending_sats: string;
  pending: { subject: string; what: string; sats: string }[];
  differences: { subject: string; what: string; sats: string }[];
  resolved_by: Buffer | null;
  resolved_at_ms: string | null;
  note: string | null;
}

async function select(from: Pick<Transaction, 'execute'>, which: ReturnType<typeof sql>): Promise<Reconciliation[]> {
  const { rows } = await from.execute<Row>(sql`
    SELECT number, state, checked_at_ms, tip_height, tip_hash, chain_sats, ledger_msat, pending_sats, pending,
      differences, resolved_by, resolved_at_ms, note
    FROM ${reconciliations} ${which}`);
  const lines = (list: Row['pending']): Line[] => list.map((line) => ({ ...line, sats: BigInt(line.sats) }));
  return rows.map((row) => ({
    number: row.number,
    state: row.state,
    checkedAtMs: Number(row.checked_at_ms),
    tip: { height: row.tip_height, hash: hex(row.tip_hash) },
    chainSats: BigInt(row.chain_sats),
    ledgerMsat: BigInt(row.ledger_msat),
    pendingSats: BigInt(row.pending_sats),
    pending: lines(row.pending),
    differences: lines(row.differences),
    ...(row.resolved_by !== null && {
      resolution: { resolvedBy: hex(row.resolved_by), resolvedAtMs: Number(row.resolved_at_ms), note: row.note! },
    }),
  }));
}
