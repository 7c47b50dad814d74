/** Addresses in Postgres: whose each of them is, and that none is given twice. */
import { fail } from '@holdfast/protocol';
import { eq, sql } from 'drizzle-orm';
import type { DepositAddresses, DepositKeyRecord, GivenAddress } from '../../deposits/index.ts';
import type { Database, Transaction } from './database.ts';
import { depositAddresses, depositKeys, deposits } from './deposits-schema.ts';

const HOUR_MS = 3_600_000;

interface KeyRow extends Record<string, unknown> {
  key_no: number;
  descriptor: string;
  next_index: number;
  watched_to: number;
  made_at_ms: string;
  unwatched_since_ms: string | null;
}

export async function listKeys(database: Database | Transaction): Promise<DepositKeyRecord[]> {
  const { rows } = await database.execute<KeyRow>(sql`
    SELECT k.*, (SELECT min(a.made_at_ms) FROM ${depositAddresses} a
      WHERE a.key_no = k.key_no AND a.address_index > k.watched_to) AS unwatched_since_ms
    FROM ${depositKeys} k ORDER BY k.key_no`);
  return rows.map((row) => ({
    keyNo: row.key_no,
    descriptor: row.descriptor,
    nextIndex: row.next_index,
    watchedTo: row.watched_to,
    madeAtMs: Number(row.made_at_ms),
    ...(row.unwatched_since_ms !== null && { unwatchedSinceMs: Number(row.unwatched_since_ms) }),
  }));
}

export async function useKey(
  tx: Transaction,
  descriptor: string,
  firstIndex: number,
  nowMs: number,
): Promise<DepositKeyRecord> {
  const find = async () => (await listKeys(tx)).find((key) => key.descriptor === descriptor);
  const known = await find();
  if (known !== undefined && known.nextIndex >= firstIndex) return known;
  await tx
    .insert(depositKeys)
    .values({ descriptor, nextIndex: firstIndex, madeAtMs: nowMs })
    .onConflictDoUpdate({
      target: depositKeys.descriptor,
      set: { nextIndex: sql`greatest(${depositKeys.nextIndex}, excluded.next_index)` },
    });
  return (await find())!;
}

export async function giveAddress(
  tx: Transaction,
  clientId: string,
  key: DepositAddresses & { readonly keyNo: number },
  { isNew, maxUnused, maxAnHour }: { readonly isNew: boolean; readonly maxUnused: number; readonly maxAnHour: number },
  nowMs: number,
): Promise<GivenAddress> {
  // One at a time: an index is given once.
  const [row] = await tx.select().from(depositKeys).where(eq(depositKeys.keyNo, key.keyNo)).for('update');
  const { nextIndex, watchedTo } = row!;
  const { rows: unused } = await tx.execute<{ address: string; address_index: number }>(sql`
    SELECT a.address, a.address_index FROM ${depositAddresses} a
    WHERE a.key_no = ${key.keyNo} AND a.client_id = ${Buffer.from(clientId, 'hex')}
      AND NOT EXISTS (SELECT FROM ${deposits} d WHERE d.address = a.address)
    ORDER BY a.address_index DESC`);
  const [newest] = unused;
  if (newest !== undefined && !isNew) {
    const { address, address_index: index } = newest;
    return { address, index, isWatched: index <= watchedTo };
  }
  if (unused.length >= maxUnused) throw fail('deposit.too-many-addresses', { count: unused.length });
  // They are given in order: the one that is so many back tells how fast they go.
  const { rows: recent } = await tx.execute(sql`
    SELECT FROM ${depositAddresses}
    WHERE key_no = ${key.keyNo} AND address_index = ${nextIndex - maxAnHour} AND made_at_ms > ${nowMs - HOUR_MS}`);
  if (recent.length > 0) throw fail('deposit.too-many-clients', { count: maxAnHour });
  const { address } = key.addressAt(nextIndex);
  await tx
    .insert(depositAddresses)
    .values({ keyNo: key.keyNo, addressIndex: nextIndex, address, clientId, madeAtMs: nowMs });
  await tx
    .update(depositKeys)
    .set({ nextIndex: nextIndex + 1 })
    .where(eq(depositKeys.keyNo, key.keyNo));
  return { address, index: nextIndex, isWatched: nextIndex <= watchedTo };
}
