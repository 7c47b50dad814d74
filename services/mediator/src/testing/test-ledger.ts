/** For tests of the money: a real database with clients, vaults and nodes in it, and no servers around. */
import { createSilentLogger } from '@holdfast/platform';
import { msat } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import { createAgreementStore } from '../adapters/postgres/agreements.ts';
import { createMandateStore } from '../adapters/postgres/agreements-mandates.ts';
import { growUnderUpload } from '../adapters/postgres/agreements-growth.ts';
import { reserveUpload } from '../adapters/postgres/agreements-uploads.ts';
import { type Database, inTransaction, openDatabase } from '../adapters/postgres/database.ts';
import { createLedgerStore, openMoney } from '../adapters/postgres/ledger.ts';
import { createSettlementStore } from '../adapters/postgres/settlement.ts';
import { type MoneyRules, moneyRules } from '../ledger/index.ts';
import { freshDatabase, freshId } from './test-mediator.ts';

const HOUR_MS = 3_600_000;
/** The first test period. */
export const FIRST = 500_000;
export const at = (period: number): number => period * HOUR_MS;

export interface TestLedger extends Awaited<ReturnType<typeof openTestLedger>> {}

export async function openTestLedger(changes: Partial<MoneyRules> = {}) {
  const url = await freshDatabase();
  const database = openDatabase({ url, logger: createSilentLogger() });
  const money = await openMoney(database, moneyRules(changes.periodMs ?? HOUR_MS, changes));
  const ledger = createLedgerStore(database);
  return {
    url,
    database,
    money,
    ledger,
    settlements: createSettlementStore(database, money),
    agreements: createAgreementStore(database, money),
    mandates: createMandateStore(database),
    /** A connection that knows nothing of our code. */
    connect: async () => {
      const client = new pg.Client({ connectionString: url });
      await client.connect();
      client.on('error', () => {});
      return client;
    },
    credit: (clientId: string, amount: bigint) =>
      ledger.credit({ clientId, amountMsat: msat(amount), reference: freshId(8), note: 'a test' }, at(FIRST)),
    node: (price: bigint, state = 'active') => makeNode(database, price, state),
    vault: (clientId: string, limits: { cap?: bigint; limit?: bigint; expiresAtMs?: number } = {}) =>
      makeVault(database, clientId, limits),
    close: () => database.$client.end(),
  };
}

export interface TestMoneyNode {
  readonly nodeNo: number;
  readonly nodeId: string;
  readonly priceSatPerTbMonth: bigint;
}

async function makeNode(database: Database, price: bigint, state: string): Promise<TestMoneyNode> {
  const nodeId = freshId();
  const { rows } = await database.execute<{ node_no: number }>(sql`
    INSERT INTO nodes (node_id, operator, region, addresses, price_sat_per_tb_month, egress_sat_per_tb, capacity_bytes,
      state, registered_at_ms, registration_signed_at_ms, last_seen_at_ms)
    VALUES (${Buffer.from(nodeId, 'hex')}, 'o', 'r', '{}', ${price}, 0, 1000000000000, ${state}, 0, 0, 0)
    RETURNING node_no`);
  return { nodeNo: rows[0]!.node_no, nodeId, priceSatPerTbMonth: price };
}

async function makeVault(
  database: Database,
  clientId: string,
  {
    cap = 1_000_000_000n,
    limit = 10n ** 18n,
    expiresAtMs = at(FIRST) * 2,
  }: { cap?: bigint; limit?: bigint; expiresAtMs?: number },
) {
  const vaultId = freshId(16);
  const owner = Buffer.from(clientId, 'hex');
  await database.execute(sql`
    INSERT INTO accounts (public_key, created_at_ms, last_sign_in_at_ms) VALUES (${owner}, 0, 0) ON CONFLICT DO NOTHING`);
  await database.execute(sql`
    INSERT INTO vaults (client_id, vault_id, data_shards, parity_shards, regions, avoid_operators, created_at_ms)
    VALUES (${owner}, ${Buffer.from(vaultId, 'hex')}, 1, 1, '{}', '{}', 0)`);
  const mandate = {
    clientId,
    vaultId,
    sequence: 1,
    mandateHash: freshId(),
    token: 'a token',
    maxPriceSatPerTbMonth: cap,
    regions: [],
    avoidOperators: [],
    monthlyLimitMsat: limit,
    expiresAtMs,
  };
  await createMandateStore(database).put(mandate, 0);
  return mandate;
}

/** Opens an upload with its reserve. */
export async function openUpload(
  { database, money }: TestLedger,
  name: { clientId: string; vaultId: string },
  nodes: readonly TestMoneyNode[],
  quotaBytesPerNode: number,
  nowMs: number,
): Promise<string> {
  const uploadId = freshId(16);
  await inTransaction(database, async (tx) => {
    await tx.execute(sql`
      INSERT INTO uploads (upload_id, client_id, vault_id, state, quota_bytes_per_node, opened_at_ms, active_at_ms, expires_at_ms)
      VALUES (${Buffer.from(uploadId, 'hex')}, ${Buffer.from(name.clientId, 'hex')}, ${Buffer.from(name.vaultId, 'hex')},
        'open', ${quotaBytesPerNode}, ${nowMs}, ${nowMs}, ${nowMs + HOUR_MS})`);
    await reserveUpload(tx, money, { ...name, uploadId, quotaBytesPerNode, nodes }, nowMs);
  });
  return uploadId;
}

/** Commits so many bytes at each of the nodes. */
export const commitBytes = (
  { database, money }: TestLedger,
  name: { clientId: string; vaultId: string },
  uploadId: string,
  nodes: readonly TestMoneyNode[],
  bytes: number,
  nowMs: number,
): Promise<bigint> =>
  inTransaction(database, (tx) =>
    growUnderUpload(tx, money, { ...name, uploadId }, new Map(nodes.map(({ nodeNo }) => [nodeNo, bytes])), nowMs),
  );
