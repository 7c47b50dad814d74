/** Payout addresses of nodes in Postgres: all that were ever signed, the newest whose time has come in force. */
import { fail } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { PayoutAddress, PayoutAddressStore } from '../../payouts/index.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { noteEvents } from './events.ts';
import { payoutAddresses } from './payouts-schema.ts';

interface AddressRow extends Record<string, unknown> {
  sequence: string;
  address: string;
  token: string;
  received_at_ms: string;
  effective_at_ms: string;
}

/** Whether the address `p` counts, or will: not one that the node took back, by another one, before its time had come. */
export const NOT_TAKEN_BACK = sql`NOT EXISTS (SELECT FROM ${payoutAddresses} later WHERE later.node_no = p.node_no
  AND later.sequence > p.sequence AND later.received_at_ms < p.effective_at_ms)`;

const toAddress = (row: AddressRow): PayoutAddress => ({
  sequence: Number(row.sequence),
  address: row.address,
  receivedAtMs: Number(row.received_at_ms),
  effectiveAtMs: Number(row.effective_at_ms),
});

export function createPayoutAddressStore(database: Database): PayoutAddressStore {
  return {
    async addresses(nodeId, nowMs) {
      const { rows } = await database.execute<AddressRow>(sql`
        SELECT p.* FROM ${payoutAddresses} p JOIN nodes n USING (node_no)
        WHERE n.node_id = ${Buffer.from(nodeId, 'hex')} AND ${NOT_TAKEN_BACK} AND p.sequence >= coalesce((
          SELECT p.sequence FROM ${payoutAddresses} p
          WHERE p.node_no = n.node_no AND p.effective_at_ms <= ${nowMs} AND ${NOT_TAKEN_BACK}
          ORDER BY p.sequence DESC LIMIT 1), 0)
        ORDER BY p.sequence DESC`);
      return rows.map(toAddress);
    },
    setAddress: (wanted, delayMs, nowMs) =>
      inTransaction(database, async (tx) => {
        const { rows } = await tx.execute<{ node_no: number }>(sql`
          SELECT node_no FROM nodes WHERE node_id = ${Buffer.from(wanted.nodeId, 'hex')} FOR NO KEY UPDATE`);
        const nodeNo = rows[0]?.node_no;
        if (nodeNo === undefined) throw fail('node.unknown', { nodeId: wanted.nodeId });
        const newest = await newestOf(tx, nodeNo);
        if (newest?.token === wanted.token) return toAddress(newest);
        // Exactly the next one: after a leap to the highest number nobody could take an address back any more.
        const current = Number(newest?.sequence ?? 0);
        if (wanted.sequence !== current + 1) throw fail('payout-address.outdated', { current, given: wanted.sequence });
        // Back to where money goes now: at once, and whatever change was waiting never comes into force.
        const isNoChange = (await inForceAt(tx, nodeNo, nowMs)) === wanted.address;
        const effectiveAtMs = newest === undefined || isNoChange ? nowMs : nowMs + delayMs;
        await tx.execute(sql`
          INSERT INTO ${payoutAddresses} (node_no, sequence, address, script, token, received_at_ms, effective_at_ms)
          VALUES (${nodeNo}, ${wanted.sequence}, ${wanted.address}, ${Buffer.from(wanted.script, 'hex')}, ${wanted.token},
            ${nowMs}, ${effectiveAtMs})`);
        const { nodeId, address, sequence } = wanted;
        const data = { address, sequence, effectiveAtMs, ...(newest && { before: newest.address }) };
        await noteEvents(tx, [{ kind: 'payout-address.changing', nodeId, data }], nowMs);
        return { sequence, address, receivedAtMs: nowMs, effectiveAtMs };
      }),
  };
}

async function newestOf(tx: Transaction, nodeNo: number): Promise<AddressRow | undefined> {
  const { rows } = await tx.execute<AddressRow>(
    sql`SELECT * FROM ${payoutAddresses} WHERE node_no = ${nodeNo} ORDER BY sequence DESC LIMIT 1`,
  );
  return rows[0];
}

async function inForceAt(tx: Transaction, nodeNo: number, nowMs: number): Promise<string | undefined> {
  const { rows } = await tx.execute<AddressRow>(sql`
    SELECT * FROM ${payoutAddresses} p WHERE node_no = ${nodeNo} AND effective_at_ms <= ${nowMs} AND ${NOT_TAKEN_BACK}
    ORDER BY sequence DESC LIMIT 1`);
  return rows[0]?.address;
}
