/** Withdrawals in Postgres: the money leaves what is available when it is asked for, and comes back when it is cancelled. */
import { fail } from '@holdfast/protocol';
import { type SQL, sql } from 'drizzle-orm';
import type { Withdrawal, WithdrawalState, WithdrawalStore } from '../../payouts/index.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { repayDebt } from './deposits-reversal.ts';
import { lockAvailable, mediatorAccount, post } from './ledger.ts';
import { giveBack, tellWithdrawal } from './withdrawals-back.ts';

const MSAT = 1_000n;

interface WithdrawalRow extends Record<string, unknown> {
  withdrawal_no: number;
  withdrawal_id: Buffer;
  client_id: Buffer;
  sequence: string;
  address: string;
  amount_sats: string;
  state: WithdrawalState;
  requested_at_ms: string;
  closed_at_ms: string | null;
  batch_id: Buffer | null;
  fee_share_sats: string | null;
  txid: Buffer | null;
}

const toWithdrawal = (row: WithdrawalRow): Withdrawal => ({
  withdrawalNo: row.withdrawal_no,
  withdrawalId: row.withdrawal_id.toString('hex'),
  clientId: row.client_id.toString('hex'),
  sequence: Number(row.sequence),
  address: row.address,
  amountSats: BigInt(row.amount_sats),
  state: row.state,
  requestedAtMs: Number(row.requested_at_ms),
  ...(row.closed_at_ms !== null && { closedAtMs: Number(row.closed_at_ms) }),
  ...(row.batch_id !== null && { batchId: row.batch_id.toString('hex') }),
  ...(row.fee_share_sats !== null && { feeShareSats: BigInt(row.fee_share_sats) }),
  ...(row.txid !== null && { txid: row.txid.toString('hex') }),
});

const read = async (
  reader: Pick<Database | Transaction, 'execute'>,
  where: SQL,
  limit = 1,
): Promise<readonly Withdrawal[]> => {
  const { rows } = await reader.execute<WithdrawalRow>(sql`
    SELECT w.*, b.batch_id, p.fee_share_sats, coalesce(b.settled_txid, (
      SELECT t.txid FROM payout_transactions t WHERE t.batch_no = b.batch_no ORDER BY t.replacement_no DESC LIMIT 1)) AS txid
    FROM withdrawals w LEFT JOIN payout_payees p USING (withdrawal_no) LEFT JOIN payout_batches b USING (batch_no)
    WHERE ${where} ORDER BY w.withdrawal_no DESC LIMIT ${limit}`);
  return rows.map(toWithdrawal);
};

const byId = (withdrawalId: string): SQL => sql`w.withdrawal_id = ${Buffer.from(withdrawalId, 'hex')}`;
const ofClient = (clientId: string): SQL => sql`w.client_id = ${Buffer.from(clientId, 'hex')}`;

export function createWithdrawalStore(database: Database): WithdrawalStore {
  return {
    request: (wanted, nowMs) =>
      inTransaction(database, async (tx) => {
        const available = await lockAvailable(tx, wanted.clientId);
        const [known] = await read(tx, byId(wanted.withdrawalId));
        if (known !== undefined) return known;
        // Before the round that collects debts comes by: what a client owes does not leave.
        const balanceMsat = available.balanceMsat - (await repayDebt(tx, wanted.clientId, available, nowMs));
        const { accountNo } = available;
        const next = await nextSequence(tx, wanted.clientId);
        if (wanted.sequence !== next) throw fail('withdrawal.outdated', { current: next - 1, given: wanted.sequence });
        const sats = wanted.amountSats === 'all' ? atMost(balanceMsat / MSAT, wanted.mostSats) : wanted.amountSats;
        if (sats * MSAT > balanceMsat)
          throw fail('money.insufficient', { neededMsat: sats * MSAT, availableMsat: balanceMsat });
        if (sats < wanted.leastSats) throw fail('withdrawal.too-small', { sats, leastSats: wanted.leastSats });
        await tx.execute(sql`
          INSERT INTO withdrawals (withdrawal_id, client_id, sequence, address, script, amount_sats, token, state,
            requested_at_ms)
          VALUES (${Buffer.from(wanted.withdrawalId, 'hex')}, ${Buffer.from(wanted.clientId, 'hex')}, ${wanted.sequence},
            ${wanted.address}, ${Buffer.from(wanted.script, 'hex')}, ${sats}, ${wanted.token}, 'waiting', ${nowMs})`);
        const legs = [
          { accountNo, amountMsat: -sats * MSAT },
          { accountNo: await mediatorAccount(tx, 'withdrawals_in_flight'), amountMsat: sats * MSAT },
        ];
        await post(tx, { kind: 'withdrawal', reference: wanted.withdrawalId }, legs, nowMs);
        await tellWithdrawal(tx, 'requested', wanted, sats, nowMs);
        return (await read(tx, byId(wanted.withdrawalId)))[0]!;
      }),
    cancel: (clientId, withdrawalId, nowMs) =>
      inTransaction(database, async (tx) => {
        const { accountNo } = await lockAvailable(tx, clientId);
        // A batch that is being stored takes this row, too: one of the two sees what the other did.
        await tx.execute(sql`SELECT FROM withdrawals w WHERE ${byId(withdrawalId)} FOR UPDATE`);
        const [found] = await read(tx, sql`${byId(withdrawalId)} AND ${ofClient(clientId)}`);
        if (found === undefined) throw fail('withdrawal.unknown', { withdrawalId });
        if (found.state === 'cancelled') return found;
        if (found.state !== 'waiting') throw fail('withdrawal.under-way', { withdrawalId, state: found.state });
        await giveBack(tx, found, accountNo, nowMs);
        return (await read(tx, byId(withdrawalId)))[0]!;
      }),
    async list(clientId, { before, limit }) {
      const whose = clientId === undefined ? sql`true` : ofClient(clientId);
      const page = before === undefined ? sql`true` : sql`w.withdrawal_no < ${before}`;
      return [...(await read(database, sql`${whose} AND ${page}`, limit))];
    },
    nextSequence: (clientId) => nextSequence(database, clientId),
  };
}

const atMost = (sats: bigint, most: bigint | undefined): bigint => (most !== undefined && most < sats ? most : sats);

async function nextSequence(reader: Pick<Database | Transaction, 'execute'>, clientId: string): Promise<number> {
  const { rows } = await reader.execute<{ next: string }>(
    sql`SELECT coalesce(max(sequence), 0) + 1 AS next FROM withdrawals w WHERE ${ofClient(clientId)}`,
  );
  return Number(rows[0]!.next);
}
