/** Mandates in Postgres: all that were ever taken, the newest of a vault in force. */
import { and, desc, eq, inArray, sql } from 'drizzle-orm';
import { checkOffers, type MandateRecord, type MandateStore } from '../../agreements/index.ts';
import type { VaultName } from '../../custody/index.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { mandates } from './ledger-schema.ts';
import { nodes, vaults } from './schema.ts';
import { isVault } from './vaults.ts';

export function createMandateStore(database: Database): MandateStore {
  return {
    find: (name) => findMandate(database, name),
    put: (mandate, nowMs) =>
      inTransaction(database, async (tx) => {
        await tx.select({ vaultId: vaults.vaultId }).from(vaults).where(isVault(mandate)).for('no key update');
        const current = await findMandate(tx, mandate);
        if (current !== undefined && current.sequence >= mandate.sequence) return current.sequence;
        const { regions, avoidOperators, ...fields } = mandate;
        await tx.insert(mandates).values({
          ...fields,
          regions: [...regions],
          avoidOperators: [...avoidOperators],
          receivedAtMs: nowMs,
        });
        return mandate.sequence;
      }),
  };
}

/** The newest one. */
export async function findMandate(
  database: Pick<Database | Transaction, 'select'>,
  { clientId, vaultId }: VaultName,
): Promise<MandateRecord | undefined> {
  const [row] = await database
    .select()
    .from(mandates)
    .where(and(eq(mandates.clientId, clientId), eq(mandates.vaultId, vaultId)))
    .orderBy(desc(mandates.sequence))
    .limit(1);
  return row;
}

export interface NodeOffer {
  readonly nodeNo: number;
  readonly priceSatPerTbMonth: bigint;
}

/** @throws HoldfastError `mandate.price`, `mandate.node` */
export async function checkNodes(tx: Transaction, mandate: MandateRecord, offers: readonly NodeOffer[]): Promise<void> {
  const numbers = offers.map(({ nodeNo }) => nodeNo);
  const rows = await tx
    .select({ nodeNo: nodes.nodeNo, nodeId: nodes.nodeId, region: nodes.region, operator: nodes.operator })
    .from(nodes)
    .where(inArray(nodes.nodeNo, numbers));
  const prices = new Map(offers.map(({ nodeNo, priceSatPerTbMonth }) => [nodeNo, priceSatPerTbMonth]));
  checkOffers(
    mandate,
    rows.map(({ nodeNo, ...traits }) => ({ ...traits, priceSatPerTbMonth: prices.get(nodeNo)! })),
  );
}

/** What the vault's agreements cost per 30 days, and what its open uploads have reserved. In msat, rounded up. */
export async function monthlyCost(tx: Transaction, { clientId, vaultId }: VaultName, period: number): Promise<bigint> {
  const { rows } = await tx.execute<{ cost: string }>(sql`
    SELECT coalesce((
      SELECT ceil(sum(a.stored_bytes::numeric * a.price_sat_per_tb_month) / 1000000000) FROM agreements a
      WHERE a.client_id = ${Buffer.from(clientId, 'hex')} AND a.vault_id = ${Buffer.from(vaultId, 'hex')}
        AND a.state IN ('active', 'grace') AND a.end_period > ${period}), 0)
    + coalesce((
      SELECT sum(l.balance_msat) FROM upload_reserves u JOIN ledger_accounts l ON l.account_no = u.account_no
      WHERE u.client_id = ${Buffer.from(clientId, 'hex')} AND u.vault_id = ${Buffer.from(vaultId, 'hex')}
        AND u.state <> 'settled'), 0) AS cost`);
  return BigInt(rows[0]!.cost);
}
