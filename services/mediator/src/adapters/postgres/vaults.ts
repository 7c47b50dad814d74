/** Vaults and heads in Postgres. */
import { and, asc, eq, type SQL } from 'drizzle-orm';
import type { HeadStore, VaultName, VaultRecord, VaultStore } from '../../custody/index.ts';
import type { Database } from './database.ts';
import { heads, vaults } from './schema.ts';

export const isVault = (name: VaultName): SQL =>
  and(eq(vaults.clientId, name.clientId), eq(vaults.vaultId, name.vaultId))!;

const isHeadOf = (name: VaultName): SQL => and(eq(heads.clientId, name.clientId), eq(heads.vaultId, name.vaultId))!;

export function createVaultStore(database: Database): VaultStore {
  const select = (where: SQL) =>
    database
      .select({ vault: vaults, headSequence: heads.sequence })
      .from(vaults)
      .leftJoin(heads, and(eq(heads.clientId, vaults.clientId), eq(heads.vaultId, vaults.vaultId)))
      .where(where)
      .orderBy(asc(vaults.createdAtMs), asc(vaults.vaultId));
  return {
    async create({ clientId, vaultId, policy, terms, createdAtMs }) {
      await database
        .insert(vaults)
        .values({
          clientId,
          vaultId,
          ...policy,
          maxPriceSatPerTbMonth: terms.maxPriceSatPerTbMonth ?? null,
          regions: [...terms.regions],
          avoidOperators: [...terms.avoidOperators],
          createdAtMs,
        })
        .onConflictDoNothing();
    },
    async find(name) {
      const [row] = await select(isVault(name));
      return row && toVault(row);
    },
    async list(clientId) {
      const rows = await select(eq(vaults.clientId, clientId));
      return rows.map(toVault);
    },
  };
}

function toVault({
  vault,
  headSequence,
}: {
  vault: typeof vaults.$inferSelect;
  headSequence: number | null;
}): VaultRecord {
  const { dataShards, parityShards, maxPriceSatPerTbMonth, regions, avoidOperators } = vault;
  const policy = { dataShards, parityShards };
  return {
    clientId: vault.clientId,
    vaultId: vault.vaultId,
    policy,
    terms: { policy, regions, avoidOperators, ...(maxPriceSatPerTbMonth !== null && { maxPriceSatPerTbMonth }) },
    packCount: vault.packCount,
    storedBytes: vault.storedBytes,
    createdAtMs: vault.createdAtMs,
    ...(headSequence !== null && { headSequence }),
  };
}

export function createHeadStore(database: Database): HeadStore {
  return {
    async find(name) {
      const [row] = await database
        .select({ sequence: heads.sequence, headHash: heads.headHash, head: heads.head })
        .from(heads)
        .where(isHeadOf(name));
      return row;
    },
    async move(name, { sequence, headHash, head, previousHash }, nowMs) {
      const values = { sequence, headHash, head, movedAtMs: nowMs };
      const moved =
        sequence === 1
          ? await database
              .insert(heads)
              .values({ ...name, ...values })
              .onConflictDoNothing()
          : await database
              .update(heads)
              .set(values)
              .where(and(isHeadOf(name), eq(heads.sequence, sequence - 1), eq(heads.headHash, previousHash)));
      return moved.rowCount === 1;
    },
  };
}
