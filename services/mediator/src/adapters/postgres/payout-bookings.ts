/**
 * Batches of payouts and what they move in the ledger: begun, replaced, finished or made void, each in one transaction
 * that is done once, however often it is asked for.
 */
import { fail } from '@holdfast/protocol';
import { type SQL, sql } from 'drizzle-orm';
import type { NewBatch, OpenBatch, Payee, PayoutInput, SignedTransaction } from '../../payouts/index.ts';
import { hexArray } from './columns.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { noteEvents } from './events.ts';
import { type Leg, mediatorAccount, post } from './ledger.ts';
import { readOpenBatch } from './payout-rows.ts';

const MSAT = 1_000n;
const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const numbers = (values: readonly number[]): SQL => sql`${sql.param([...values])}::int[]`;
const amounts = (values: readonly bigint[]): SQL => sql`${sql.param([...values])}::bigint[]`;

interface NodePayee {
  readonly nodeNo: number;
  readonly grossSats: bigint;
}
const nodesOf = (payees: readonly Payee[]): NodePayee[] =>
  payees.flatMap(({ owner, grossSats }) => (owner.kind === 'node' ? [{ nodeNo: owner.nodeNo, grossSats }] : []));
const withdrawalsOf = (payees: readonly Payee[]): number[] =>
  payees.flatMap(({ owner }) => (owner.kind === 'withdrawal' ? [owner.withdrawalNo] : []));

/** @throws HoldfastError `payout.outdated` */
export const beginBatch = (database: Database, batch: NewBatch, nowMs: number): Promise<OpenBatch> =>
  inTransaction(database, async (tx) => {
    const nodes = nodesOf(batch.payees);
    const earned = await lockEarned(tx, nodes);
    for (const { nodeNo, grossSats } of nodes) {
      if ((earned.get(nodeNo)?.balanceMsat ?? 0n) < grossSats * MSAT)
        throw fail('payout.outdated', { detail: `node number ${nodeNo} has less than ${grossSats} sat` });
    }
    const batchNo = await insertBatch(tx, batch, nowMs);
    await takeWithdrawals(tx, withdrawalsOf(batch.payees));
    await insertInputs(tx, batchNo, batch.inputs);
    await insertPayees(tx, batchNo, batch.payees);
    await insertTransaction(tx, batchNo, { ...batch.transaction, replacementNo: 0 });
    const inFlight = await mediatorAccount(tx, 'payouts_in_flight');
    const legs: Leg[] = nodes.flatMap(({ nodeNo, grossSats }) => [
      { accountNo: earned.get(nodeNo)!.accountNo, amountMsat: -grossSats * MSAT },
      { accountNo: inFlight, amountMsat: grossSats * MSAT },
    ]);
    await post(tx, { kind: 'payout', reference: batch.batchId }, legs, nowMs);
    await tx.execute(sql`
      UPDATE payout_approvals SET used_by = ${batchNo} WHERE used_by IS NULL
        AND (node_no = ANY(${numbers(nodes.map(({ nodeNo }) => nodeNo))})
          OR withdrawal_no = ANY(${numbers(withdrawalsOf(batch.payees))}))`);
    const { txid, feeSats } = batch.transaction;
    await noteStep(tx, batchNo, 'signed', { txid, feeSats: String(feeSats), payees: batch.payees.length }, nowMs);
    const { rows: pauses } = await tx.execute<{ reason: string }>(sql`SELECT reason FROM payout_controls`);
    if (pauses.length > 0) throw fail('payout.outdated', { detail: `payouts were paused: ${pauses[0]!.reason}` });
    return readOpenBatch(tx, batchNo);
  });

/** Their earned money, locked by number of the node. */
async function lockEarned(
  tx: Transaction,
  nodes: readonly NodePayee[],
): Promise<Map<number, { accountNo: number; balanceMsat: bigint }>> {
  const list = numbers(nodes.map(({ nodeNo }) => nodeNo));
  await tx.execute(sql`SELECT FROM ledger_nodes WHERE node_no = ANY(${list}) ORDER BY node_no FOR NO KEY UPDATE`);
  // Read after the locks were had: what they waited for may have changed it.
  const { rows } = await tx.execute<{ node_no: number; account_no: number; balance_msat: string }>(sql`
    SELECT l.node_no, a.account_no, a.balance_msat FROM ledger_nodes l JOIN ledger_accounts a ON a.account_no = l.earned_no
    WHERE l.node_no = ANY(${list})`);
  return new Map(
    rows.map((row) => [row.node_no, { accountNo: row.account_no, balanceMsat: BigInt(row.balance_msat) }]),
  );
}

async function insertBatch(tx: Transaction, batch: NewBatch, nowMs: number): Promise<number> {
  const { payees, designated } = batch;
  const grossSats = payees.reduce((sum, payee) => sum + payee.grossSats, 0n);
  const feeSats = payees.reduce((sum, payee) => sum + payee.feeShareSats, 0n);
  const { rows } = await tx.execute<{ batch_no: number }>(sql`
    INSERT INTO payout_batches (batch_id, state, designated_txid, designated_vout, change_index, gross_sats, fee_sats,
      planned_at_ms)
    VALUES (${bytes(batch.batchId)}, 'signed', ${bytes(designated.txid)}, ${designated.vout}, ${batch.changeIndex},
      ${grossSats}, ${feeSats}, ${nowMs})
    RETURNING batch_no`);
  return rows[0]!.batch_no;
}

async function takeWithdrawals(tx: Transaction, withdrawalNos: readonly number[]): Promise<void> {
  if (withdrawalNos.length === 0) return;
  const taken = await tx.execute(sql`
    UPDATE withdrawals SET state = 'paying' WHERE withdrawal_no = ANY(${numbers(withdrawalNos)}) AND state = 'waiting'
    RETURNING withdrawal_no`);
  if (taken.rows.length !== withdrawalNos.length)
    throw fail('payout.outdated', { detail: 'a withdrawal is not waiting any more' });
}

async function insertInputs(tx: Transaction, batchNo: number, inputs: readonly PayoutInput[]): Promise<void> {
  const taken = await tx.execute(sql`
    SELECT FROM payout_inputs i JOIN unnest(${hexArray(inputs.map(({ txid }) => txid))},
      ${numbers(inputs.map(({ vout }) => vout))}) AS wanted(txid, vout) USING (txid, vout)
    WHERE NOT i.is_released AND i.batch_no <> ${batchNo}`);
  if (taken.rows.length > 0) throw fail('payout.outdated', { detail: 'another batch spends one of its outputs' });
  await tx.execute(sql`
    INSERT INTO payout_inputs (batch_no, txid, vout, sats, address, script)
    SELECT ${batchNo}, wanted.* FROM unnest(${hexArray(inputs.map(({ txid }) => txid))},
      ${numbers(inputs.map(({ vout }) => vout))}, ${amounts(inputs.map(({ sats }) => sats))},
      ${sql.param(inputs.map(({ address }) => address))}::text[],
      ${hexArray(inputs.map(({ script }) => script))}) AS wanted
    ON CONFLICT (batch_no, txid, vout) DO NOTHING`);
}

async function insertPayees(tx: Transaction, batchNo: number, payees: readonly Payee[]): Promise<void> {
  const column = <T>(of: (payee: Payee) => T): T[] => payees.map(of);
  const node = column(({ owner }) => (owner.kind === 'node' ? owner.nodeNo : null));
  const withdrawal = column(({ owner }) => (owner.kind === 'withdrawal' ? owner.withdrawalNo : null));
  await tx.execute(sql`
    INSERT INTO payout_payees (batch_no, payee_no, node_no, withdrawal_no, address, script, gross_sats, fee_share_sats)
    SELECT ${batchNo}, place - 1, node_no, withdrawal_no, address, script, gross, share FROM unnest(
      ${sql.param(node)}::int[], ${sql.param(withdrawal)}::int[], ${sql.param(column(({ address }) => address))}::text[],
      ${hexArray(column(({ script }) => script))}, ${amounts(column(({ grossSats }) => grossSats))},
      ${amounts(column(({ feeShareSats }) => feeShareSats))})
      WITH ORDINALITY AS payee(node_no, withdrawal_no, address, script, gross, share, place)`);
}

async function insertTransaction(
  tx: Transaction,
  batchNo: number,
  made: Omit<SignedTransaction, 'broadcastAtMs'>,
): Promise<void> {
  await tx.execute(sql`
    INSERT INTO payout_transactions (batch_no, replacement_no, txid, signed, fee_sats, sat_per_kvb, signed_at_ms,
      signed_at_height)
    VALUES (${batchNo}, ${made.replacementNo}, ${bytes(made.txid)}, ${bytes(made.signed)}, ${made.feeSats},
      ${made.satPerKvb}, ${made.signedAtMs}, ${made.signedAtHeight})`);
}

/** False when another one was stored meanwhile, or the batch is closed. */
export const storeReplacement = (
  database: Database,
  batchNo: number,
  made: Omit<SignedTransaction, 'broadcastAtMs'>,
  inputs: readonly PayoutInput[],
  nowMs: number,
): Promise<boolean> =>
  inTransaction(database, async (tx) => {
    if ((await lockOpen(tx, batchNo)) === undefined) return false;
    const { rows } = await tx.execute<{ next: number }>(
      sql`SELECT max(replacement_no) + 1 AS next FROM payout_transactions WHERE batch_no = ${batchNo}`,
    );
    if (rows[0]!.next !== made.replacementNo) return false;
    await insertInputs(tx, batchNo, inputs);
    await insertTransaction(tx, batchNo, made);
    const { txid, replacementNo, feeSats, satPerKvb } = made;
    const data = { txid, replacementNo, feeSats: String(feeSats), satPerKvb: String(satPerKvb) };
    await noteStep(tx, batchNo, 'replaced', data, nowMs);
    return true;
  });

interface LockedBatch extends Record<string, unknown> {
  batch_id: Buffer;
  state: string;
  fee_sats: string;
  settled_txid: Buffer | null;
}

/** The batch, locked; undefined when it is closed. */
async function lockOpen(tx: Transaction, batchNo: number): Promise<LockedBatch | undefined> {
  const { rows } = await tx.execute<LockedBatch>(sql`
    SELECT batch_id, state, fee_sats, settled_txid FROM payout_batches WHERE batch_no = ${batchNo} FOR UPDATE`);
  const [row] = rows;
  return row === undefined || row.state === 'final' || row.state === 'voided' ? undefined : row;
}

export const markBroadcast = (database: Database, batchNo: number, txid: string, nowMs: number): Promise<void> =>
  inTransaction(database, async (tx) => {
    const batch = await lockOpen(tx, batchNo);
    if (batch === undefined) return;
    await tx.execute(sql`
      UPDATE payout_transactions SET broadcast_at_ms = ${nowMs}
      WHERE batch_no = ${batchNo} AND txid = ${bytes(txid)} AND broadcast_at_ms IS NULL`);
    if (batch.state !== 'signed') return;
    await tx.execute(sql`UPDATE payout_batches SET state = 'broadcast' WHERE batch_no = ${batchNo}`);
    await noteStep(tx, batchNo, 'broadcast', { txid }, nowMs);
    await tellPayees(tx, batchNo, 'sent', { txid }, nowMs);
  });

/** In a block, or (`undefined`) not any more. */
export const markConfirmed = (
  database: Database,
  batchNo: number,
  txid: string | undefined,
  nowMs: number,
): Promise<void> =>
  inTransaction(database, async (tx) => {
    const batch = await lockOpen(tx, batchNo);
    if (batch === undefined || (batch.settled_txid?.toString('hex') ?? undefined) === txid) return;
    if (txid === undefined) {
      await tx.execute(sql`
        UPDATE payout_batches SET state = 'broadcast', settled_txid = NULL WHERE batch_no = ${batchNo}`);
      await noteStep(tx, batchNo, 'unconfirmed', { txid: batch.settled_txid?.toString('hex') }, nowMs);
      return;
    }
    if (batch.state === 'signed') await tellPayees(tx, batchNo, 'sent', { txid }, nowMs);
    await tx.execute(sql`
      UPDATE payout_batches SET state = 'confirmed', settled_txid = ${bytes(txid)} WHERE batch_no = ${batchNo}`);
    await noteStep(tx, batchNo, 'confirmed', { txid }, nowMs);
  });

interface Sums extends Record<string, unknown> {
  node_gross: string;
  node_share: string;
  client_gross: string;
  client_share: string;
}

async function sumsOf(tx: Transaction, batchNo: number) {
  const { rows } = await tx.execute<Sums>(sql`
    SELECT coalesce(sum(gross_sats) FILTER (WHERE node_no IS NOT NULL), 0) AS node_gross,
      coalesce(sum(fee_share_sats) FILTER (WHERE node_no IS NOT NULL), 0) AS node_share,
      coalesce(sum(gross_sats) FILTER (WHERE node_no IS NULL), 0) AS client_gross,
      coalesce(sum(fee_share_sats) FILTER (WHERE node_no IS NULL), 0) AS client_share
    FROM payout_payees WHERE batch_no = ${batchNo}`);
  const sums = rows[0]!;
  const of = (name: keyof Sums): bigint => BigInt(sums[name] as string) * MSAT;
  return {
    nodes: { grossMsat: of('node_gross'), shareMsat: of('node_share') },
    clients: { grossMsat: of('client_gross'), shareMsat: of('client_share') },
  };
}

/** Six deep: payees are paid. Whichever of its transactions it was settles all of them. */
export const finishBatch = (database: Database, batchNo: number, txid: string, nowMs: number): Promise<void> =>
  inTransaction(database, async (tx) => {
    const batch = await lockOpen(tx, batchNo);
    if (batch === undefined) return;
    const reference = batch.batch_id.toString('hex');
    const { nodes, clients } = await sumsOf(tx, batchNo);
    const fees = await mediatorAccount(tx, 'network_fees');
    const legs = async (from: 'payouts' | 'withdrawals', { grossMsat, shareMsat }: typeof nodes): Promise<Leg[]> => [
      { accountNo: await mediatorAccount(tx, `${from}_in_flight`), amountMsat: -grossMsat },
      { accountNo: await mediatorAccount(tx, `${from}_paid`), amountMsat: grossMsat - shareMsat },
      { accountNo: fees, amountMsat: shareMsat },
    ];
    await post(tx, { kind: 'payout_confirmed', reference }, await legs('payouts', nodes), nowMs);
    await post(tx, { kind: 'withdrawal_confirmed', reference }, await legs('withdrawals', clients), nowMs);
    const paid = await tx.execute<{ fee_sats: string }>(sql`
      SELECT fee_sats FROM payout_transactions WHERE batch_no = ${batchNo} AND txid = ${bytes(txid)}`);
    const extra = BigInt(paid.rows[0]!.fee_sats) - BigInt(batch.fee_sats);
    await tx.execute(sql`
      UPDATE payout_batches SET state = 'final', settled_txid = ${bytes(txid)}, closed_at_ms = ${nowMs},
        extra_fee_sats = ${extra}, is_extra_fee_booked = ${extra === 0n}
      WHERE batch_no = ${batchNo}`);
    await tx.execute(sql`UPDATE payout_inputs SET is_released = true WHERE batch_no = ${batchNo}`);
    await closeWithdrawals(tx, batchNo, 'paid', nowMs);
    await noteStep(tx, batchNo, 'final', { txid, extraFeeSats: String(extra) }, nowMs);
    await tellPayees(tx, batchNo, 'paid', { txid }, nowMs);
  });

/** A foreign transaction has spent the designated output for good: none of ours can ever be mined, the money goes back. */
export const voidBatch = (database: Database, batchNo: number, foreignTxid: string, nowMs: number): Promise<void> =>
  inTransaction(database, async (tx) => {
    const batch = await lockOpen(tx, batchNo);
    if (batch === undefined) return;
    const reference = batch.batch_id.toString('hex');
    const { payees, transactions } = await readOpenBatch(tx, batchNo);
    // Signed by another process meanwhile: not foreign at all.
    if (transactions.some(({ txid }) => txid === foreignTxid)) return;
    const nodes = nodesOf(payees);
    const earned = await lockEarned(tx, nodes);
    const inFlight = await mediatorAccount(tx, 'payouts_in_flight');
    const back: Leg[] = nodes.flatMap(({ nodeNo, grossSats }) => [
      { accountNo: inFlight, amountMsat: -grossSats * MSAT },
      { accountNo: earned.get(nodeNo)!.accountNo, amountMsat: grossSats * MSAT },
    ]);
    await post(tx, { kind: 'payout_voided', reference }, back, nowMs);
    await post(tx, { kind: 'withdrawal_voided', reference }, await clientsBack(tx, batchNo), nowMs);
    await tx.execute(sql`
      UPDATE payout_batches SET state = 'voided', settled_txid = NULL, closed_at_ms = ${nowMs},
        voided_by_txid = ${bytes(foreignTxid)}
      WHERE batch_no = ${batchNo}`);
    await tx.execute(sql`UPDATE payout_inputs SET is_released = true WHERE batch_no = ${batchNo}`);
    await closeWithdrawals(tx, batchNo, 'voided', nowMs);
    await noteStep(tx, batchNo, 'voided', { foreignTxid }, nowMs);
    await tellPayees(tx, batchNo, 'voided', { foreignTxid }, nowMs);
  });

/** What clients get back, their accounts locked by number. */
async function clientsBack(tx: Transaction, batchNo: number): Promise<Leg[]> {
  const { rows } = await tx.execute<{ account_no: number; amount_sats: string }>(sql`
    SELECT a.account_no, w.amount_sats
    FROM payout_payees p JOIN withdrawals w USING (withdrawal_no)
    JOIN ledger_accounts a ON a.kind = 'available' AND a.client_id = w.client_id
    WHERE p.batch_no = ${batchNo} ORDER BY a.account_no FOR NO KEY UPDATE OF a`);
  const inFlight = await mediatorAccount(tx, 'withdrawals_in_flight');
  return rows.flatMap((row) => [
    { accountNo: row.account_no, amountMsat: BigInt(row.amount_sats) * MSAT },
    { accountNo: inFlight, amountMsat: -BigInt(row.amount_sats) * MSAT },
  ]);
}

const closeWithdrawals = (tx: Transaction, batchNo: number, state: 'paid' | 'voided', nowMs: number) =>
  tx.execute(sql`
    UPDATE withdrawals SET state = ${state}, closed_at_ms = ${nowMs}
    WHERE withdrawal_no IN (SELECT withdrawal_no FROM payout_payees WHERE batch_no = ${batchNo})`);

/**
 * What a replacement cost more than its payees bear is the mediator's: from its commission at the nodes that brought it
 * most, as soon as that suffices. Until then the row says what is still to be booked.
 */
export const bookExtraFees = (database: Database, nowMs: number): Promise<void> =>
  inTransaction(database, async (tx) => {
    const due = await tx.execute<{ batch_no: number; batch_id: Buffer; extra_fee_sats: string }>(sql`
      SELECT batch_no, batch_id, extra_fee_sats FROM payout_batches
      WHERE state = 'final' AND NOT is_extra_fee_booked ORDER BY batch_no FOR UPDATE`);
    for (const row of due.rows) {
      const legs = await takeCommission(tx, BigInt(row.extra_fee_sats) * MSAT);
      if (legs === undefined) return;
      await post(tx, { kind: 'fee_bump', reference: row.batch_id.toString('hex') }, legs, nowMs);
      await tx.execute(sql`UPDATE payout_batches SET is_extra_fee_booked = true WHERE batch_no = ${row.batch_no}`);
    }
  });

/** Legs from the mediator's commission to the network; undefined when there is not enough. */
async function takeCommission(tx: Transaction, amountMsat: bigint): Promise<Leg[] | undefined> {
  await tx.execute(sql`SELECT FROM ledger_nodes ORDER BY node_no FOR NO KEY UPDATE`);
  const { rows } = await tx.execute<{ account_no: number; balance_msat: string }>(sql`
    SELECT account_no, balance_msat FROM ledger_accounts WHERE kind = 'commission' AND balance_msat > 0
    ORDER BY balance_msat DESC, account_no`);
  const legs: Leg[] = [];
  let left = amountMsat;
  for (const row of rows) {
    const balance = BigInt(row.balance_msat);
    const taken = balance < left ? balance : left;
    legs.push({ accountNo: row.account_no, amountMsat: -taken });
    left -= taken;
    if (left === 0n) break;
  }
  if (left > 0n) return undefined;
  legs.push({ accountNo: await mediatorAccount(tx, 'network_fees'), amountMsat });
  return legs;
}

/** What takes a batch from one state to another, or gives it another transaction. */
const TURNS = ['signed', 'broadcast', 'confirmed', 'unconfirmed', 'replaced', 'final', 'voided'];

/** The same step is noted once between two turns: what hinders a batch comes up again in each round. */
export async function noteStep(
  tx: Pick<Transaction, 'execute'>,
  batchNo: number,
  step: string,
  data: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<void> {
  const text = JSON.stringify(data);
  await tx.execute(sql`
    INSERT INTO payout_steps (batch_no, happened_at_ms, step, data)
    SELECT ${batchNo}, ${nowMs}, ${step}, ${text}::jsonb
    WHERE NOT EXISTS (
      SELECT FROM payout_steps s WHERE s.batch_no = ${batchNo} AND s.step = ${step} AND s.data = ${text}::jsonb
        AND s.step_no >= coalesce((SELECT max(t.step_no) FROM payout_steps t
          WHERE t.batch_no = ${batchNo} AND t.step = ANY(${sql.param(TURNS)}::text[])), 0))`);
}

/** Each of them learns of its own share only. */
async function tellPayees(
  tx: Transaction,
  batchNo: number,
  what: 'sent' | 'paid' | 'voided',
  data: Readonly<Record<string, unknown>>,
  nowMs: number,
): Promise<void> {
  const { payees, batchId } = await readOpenBatch(tx, batchNo);
  await noteEvents(
    tx,
    payees.map(({ owner, address, grossSats, feeShareSats }) => {
      const amount = { batchId, address, grossSats: String(grossSats), feeShareSats: String(feeShareSats), ...data };
      return owner.kind === 'node'
        ? { kind: `payout.${what}` as const, nodeId: owner.nodeId, data: amount }
        : {
            kind: `withdrawal.${what}` as const,
            clientId: owner.clientId,
            data: { ...amount, withdrawalId: owner.withdrawalId },
          };
    }),
    nowMs,
  );
}
