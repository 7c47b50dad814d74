/** Rows of deposits as the domain knows them. */
import type { SQL } from 'drizzle-orm';
import { sql } from 'drizzle-orm';
import type { DepositRecord, DepositState } from '../../deposits/index.ts';
import type { Database, Transaction } from './database.ts';
import { deposits } from './deposits-schema.ts';

/** Deeper than this nothing is looked at again, unless the node itself says that it is gone. */
export const SETTLED_CONFIRMATIONS = 100;

interface DepositRow extends Record<string, unknown> {
  deposit_no: string;
  txid: Buffer;
  vout: number;
  address: string;
  client_id: Buffer | null;
  sats: string;
  state: DepositState;
  confirmations: number;
  block_hash: Buffer | null;
  required_confirmations: number;
  credits: number;
  seen_at_ms: string;
  credited_at_ms: string | null;
}

export interface StoredDeposit extends DepositRecord {
  readonly blockHash?: string;
  readonly credits: number;
}

/** @param rest what follows WHERE */
export async function selectDeposits(database: Database | Transaction, rest: SQL): Promise<StoredDeposit[]> {
  const { rows } = await database.execute<DepositRow>(sql`SELECT d.* FROM ${deposits} d WHERE ${rest}`);
  return rows.map((row) => ({
    depositNo: Number(row.deposit_no),
    txid: row.txid.toString('hex'),
    vout: row.vout,
    address: row.address,
    ...(row.client_id !== null && { clientId: row.client_id.toString('hex') }),
    sats: BigInt(row.sats),
    state: row.state,
    confirmations: row.confirmations,
    ...(row.block_hash !== null && { blockHash: row.block_hash.toString('hex') }),
    requiredConfirmations: row.required_confirmations,
    credits: row.credits,
    seenAtMs: Number(row.seen_at_ms),
    ...(row.credited_at_ms !== null && { creditedAtMs: Number(row.credited_at_ms) }),
  }));
}

/** What makes a booking of this deposit happen once; each time that it is credited again, another one. */
export const bookingReference = ({ txid, vout }: { txid: string; vout: number }, turn: number): string =>
  turn === 1 ? `${txid}:${vout}` : `${txid}:${vout}#${turn}`;
