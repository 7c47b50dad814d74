/** Withdrawals that wait and are given back: because the client says so, or because the chain took its deposit away. */
import { type SQL, sql } from 'drizzle-orm';
import type { Withdrawal } from '../../payouts/index.ts';
import type { Transaction } from './database.ts';
import { noteEvents } from './events.ts';
import { mediatorAccount, post } from './ledger.ts';

const MSAT = 1_000n;

const ofClient = (clientId: string): SQL => sql`w.client_id = ${Buffer.from(clientId, 'hex')}`;

/** Cancels one that waits. The row and the account are locked. */
export async function giveBack(
  tx: Transaction,
  waiting: Pick<Withdrawal, 'withdrawalNo' | 'withdrawalId' | 'clientId' | 'address' | 'amountSats'>,
  accountNo: number,
  nowMs: number,
  why: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { withdrawalNo, withdrawalId, amountSats } = waiting;
  await tx.execute(sql`
    UPDATE withdrawals SET state = 'cancelled', closed_at_ms = ${nowMs} WHERE withdrawal_no = ${withdrawalNo}`);
  const legs = [
    { accountNo: await mediatorAccount(tx, 'withdrawals_in_flight'), amountMsat: -amountSats * MSAT },
    { accountNo, amountMsat: amountSats * MSAT },
  ];
  await post(tx, { kind: 'withdrawal_voided', reference: withdrawalId }, legs, nowMs);
  await tellWithdrawal(tx, 'cancelled', waiting, amountSats, nowMs, why);
}

/** What the client has asked for and nobody has signed for, in msat. */
export async function readWaiting(reader: Pick<Transaction, 'execute'>, clientId: string): Promise<bigint> {
  const { rows } = await reader.execute<{ sats: string }>(sql`
    SELECT coalesce(sum(amount_sats), 0) AS sats FROM withdrawals w WHERE ${ofClient(clientId)} AND w.state = 'waiting'`);
  return BigInt(rows[0]!.sats) * MSAT;
}

/**
 * A deposit was taken away, and so much is missing: withdrawals that wait are cancelled, the newest first. The account is
 * the client's, locked. Resolves to what is available again, in msat: may be more.
 */
export async function cancelWaiting(
  tx: Transaction,
  { clientId, accountNo, missingMsat }: { clientId: string; accountNo: number; missingMsat: bigint },
  nowMs: number,
): Promise<bigint> {
  if (missingMsat <= 0n) return 0n;
  // A batch that is being stored takes such rows, too: one of the two sees what the other did.
  const { rows } = await tx.execute<{
    withdrawal_no: number;
    withdrawal_id: Buffer;
    address: string;
    amount_sats: string;
  }>(sql`
    SELECT w.withdrawal_no, w.withdrawal_id, w.address, w.amount_sats FROM withdrawals w WHERE ${ofClient(clientId)} AND w.state = 'waiting'
    ORDER BY w.withdrawal_no FOR UPDATE`);
  let backMsat = 0n;
  for (const row of rows.toReversed()) {
    if (backMsat >= missingMsat) break;
    const { withdrawal_no: withdrawalNo, address } = row;
    const amountSats = BigInt(row.amount_sats);
    const waiting = { withdrawalNo, withdrawalId: row.withdrawal_id.toString('hex'), clientId, address, amountSats };
    await giveBack(tx, waiting, accountNo, nowMs, { reason: 'deposit-reversed' });
    backMsat += amountSats * MSAT;
  }
  return backMsat;
}

export const tellWithdrawal = (
  tx: Transaction,
  what: 'requested' | 'cancelled',
  { clientId, withdrawalId, address }: { clientId: string; withdrawalId: string; address: string },
  sats: bigint,
  nowMs: number,
  why: Readonly<Record<string, string>> = {},
): Promise<void> =>
  noteEvents(
    tx,
    [{ kind: `withdrawal.${what}`, clientId, data: { withdrawalId, address, sats: String(sats), ...why } }],
    nowMs,
  );
