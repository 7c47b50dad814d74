/**
 * The tables. Rules that must hold at any time stand here as constraints and not only in code.
 * Times are milliseconds since 1970. After a change: `drizzle-kit generate` (see drizzle.config.ts), and check the SQL in.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  unique,
} from 'drizzle-orm/pg-core';
import { hexBytes, lengthCheck, rawBytes, safeInteger } from './columns.ts';

/** Whose database this is: one row, so that nobody starts on another mediator's database or with another sealing key. */
export const identity = pgTable(
  'identity',
  {
    isOnly: boolean('is_only').primaryKey().default(true),
    mediatorId: hexBytes('mediator_id').notNull(),
    network: text('network').notNull(),
    /** A one-way check value of the key that mask keys are sealed under. */
    maskKeyCheck: hexBytes('mask_key_check').notNull(),
  },
  () => [check('identity_is_only', sql`is_only`)],
);

/** Whoever signed in once: a public key. */
export const accounts = pgTable(
  'accounts',
  {
    publicKey: hexBytes('public_key').primaryKey(),
    createdAtMs: safeInteger('created_at_ms').notNull(),
    lastSignInAtMs: safeInteger('last_sign_in_at_ms').notNull(),
  },
  (table) => [lengthCheck('accounts_public_key_length', table.publicKey, 32)],
);

/** Only the hash of a session's token is known here. */
export const sessions = pgTable(
  'sessions',
  {
    tokenHash: hexBytes('token_hash').primaryKey(),
    publicKey: hexBytes('public_key')
      .notNull()
      .references(() => accounts.publicKey, { onDelete: 'cascade' }),
    role: text('role', { enum: ['client', 'operator', 'admin'] }).notNull(),
    createdAtMs: safeInteger('created_at_ms').notNull(),
    expiresAtMs: safeInteger('expires_at_ms').notNull(),
  },
  (table) => [
    lengthCheck('sessions_token_hash_length', table.tokenHash, 32),
    check('sessions_role', sql`role IN ('client', 'operator', 'admin')`),
    index('sessions_by_account').on(table.publicKey, table.createdAtMs),
    index('sessions_by_expiry').on(table.expiresAtMs),
  ],
);

/** Nonces that were signed and so used up; kept until they would have expired. */
export const usedNonces = pgTable(
  'used_nonces',
  {
    nonceHash: hexBytes('nonce_hash').primaryKey(),
    expiresAtMs: safeInteger('expires_at_ms').notNull(),
  },
  (table) => [index('used_nonces_by_expiry').on(table.expiresAtMs)],
);

export const nodes = pgTable(
  'nodes',
  {
    nodeNo: integer('node_no').generatedAlwaysAsIdentity().unique(),
    nodeId: hexBytes('node_id').primaryKey(),
    operator: text('operator').notNull(),
    region: text('region').notNull(),
    addresses: text('addresses').array().notNull(),
    /** The network that it counts for under the /24 rule; empty until it was reached. */
    subnet: text('subnet').notNull().default(''),
    priceSatPerTbMonth: bigint('price_sat_per_tb_month', { mode: 'bigint' }).notNull(),
    egressSatPerTb: bigint('egress_sat_per_tb', { mode: 'bigint' }).notNull(),
    capacityBytes: safeInteger('capacity_bytes').notNull(),
    /** Committed shards. */
    storedBytes: safeInteger('stored_bytes').notNull().default(0),
    /** What open uploads may still write. */
    reservedBytes: safeInteger('reserved_bytes').notNull().default(0),
    /** As the node last said; null before its first heartbeat. */
    reportedFreeBytes: safeInteger('reported_free_bytes'),
    state: text('state', { enum: ['vetting', 'active', 'suspended', 'disqualified', 'leaving'] }).notNull(),
    /** Whether the mediator got through to one of its present addresses. */
    isReached: boolean('is_reached').notNull().default(false),
    version: text('version').notNull().default(''),
    registeredAtMs: safeInteger('registered_at_ms').notNull(),
    /** `signedAtMs` of the registration in force: an older one is no news. */
    registrationSignedAtMs: safeInteger('registration_signed_at_ms').notNull(),
    lastSeenAtMs: safeInteger('last_seen_at_ms').notNull(),
    /** The number of the newest order. */
    lastOrder: safeInteger('last_order').notNull().default(0),
    carriedOutOrder: safeInteger('carried_out_order').notNull().default(0),
  },
  (table) => [
    lengthCheck('nodes_node_id_length', table.nodeId, 32),
    check('nodes_state', sql`state IN ('vetting', 'active', 'suspended', 'disqualified', 'leaving')`),
    check('nodes_amounts', sql`price_sat_per_tb_month >= 0 AND egress_sat_per_tb >= 0`),
    check('nodes_sizes', sql`capacity_bytes >= 0 AND stored_bytes >= 0 AND reserved_bytes >= 0`),
    check('nodes_orders', sql`carried_out_order >= 0 AND last_order >= carried_out_order`),
    index('nodes_by_price').on(table.priceSatPerTbMonth, table.nodeId),
    index('nodes_never_used')
      .on(table.lastSeenAtMs)
      .where(sql`NOT is_reached AND last_order = 0`),
  ],
);

/** The certificates that a node may show. */
export const nodeCertificates = pgTable(
  'node_certificates',
  {
    fingerprint: hexBytes('fingerprint').primaryKey(),
    nodeId: hexBytes('node_id')
      .notNull()
      .references(() => nodes.nodeId, { onDelete: 'cascade' }),
    issuedAtMs: safeInteger('issued_at_ms').notNull(),
    expiresAtMs: safeInteger('expires_at_ms').notNull(),
    revokedAtMs: safeInteger('revoked_at_ms'),
  },
  (table) => [
    lengthCheck('node_certificates_fingerprint_length', table.fingerprint, 32),
    index('node_certificates_by_node').on(table.nodeId, table.issuedAtMs),
  ],
);

export const vaults = pgTable(
  'vaults',
  {
    clientId: hexBytes('client_id')
      .notNull()
      .references(() => accounts.publicKey),
    vaultId: hexBytes('vault_id').notNull(),
    dataShards: smallint('data_shards').notNull(),
    parityShards: smallint('parity_shards').notNull(),
    maxPriceSatPerTbMonth: bigint('max_price_sat_per_tb_month', { mode: 'bigint' }),
    regions: text('regions').array().notNull(),
    avoidOperators: text('avoid_operators').array().notNull(),
    packCount: safeInteger('pack_count').notNull().default(0),
    storedBytes: safeInteger('stored_bytes').notNull().default(0),
    createdAtMs: safeInteger('created_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.vaultId] }),
    lengthCheck('vaults_vault_id_length', table.vaultId, 16),
    check(
      'vaults_policy',
      sql`data_shards BETWEEN 1 AND 20 AND parity_shards >= data_shards AND data_shards + parity_shards <= 40`,
    ),
    check('vaults_sizes', sql`pack_count >= 0 AND stored_bytes >= 0`),
  ],
);

/** The newest head of a vault. Its sequence never goes back. */
export const heads = pgTable(
  'heads',
  {
    clientId: hexBytes('client_id').notNull(),
    vaultId: hexBytes('vault_id').notNull(),
    sequence: safeInteger('sequence').notNull(),
    headHash: hexBytes('head_hash').notNull(),
    head: text('head').notNull(),
    movedAtMs: safeInteger('moved_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.vaultId] }),
    foreignKey({ columns: [table.clientId, table.vaultId], foreignColumns: [vaults.clientId, vaults.vaultId] }),
    lengthCheck('heads_head_hash_length', table.headHash, 32),
    check('heads_sequence', sql`sequence >= 1`),
  ],
);

export const uploads = pgTable(
  'uploads',
  {
    uploadId: hexBytes('upload_id').primaryKey(),
    clientId: hexBytes('client_id').notNull(),
    vaultId: hexBytes('vault_id').notNull(),
    /** `open`: takes commits; `ended`: its reservation was released; `discarded`: its nodes were told to delete what was not committed. */
    state: text('state', { enum: ['open', 'ended', 'discarded'] }).notNull(),
    quotaBytesPerNode: safeInteger('quota_bytes_per_node').notNull(),
    committedBytesPerNode: safeInteger('committed_bytes_per_node').notNull().default(0),
    openedAtMs: safeInteger('opened_at_ms').notNull(),
    /** When it was opened or last committed to. */
    activeAtMs: safeInteger('active_at_ms').notNull(),
    /** When its grants expire. */
    expiresAtMs: safeInteger('expires_at_ms').notNull(),
  },
  (table) => [
    foreignKey({ columns: [table.clientId, table.vaultId], foreignColumns: [vaults.clientId, vaults.vaultId] }),
    lengthCheck('uploads_upload_id_length', table.uploadId, 16),
    check('uploads_state', sql`state IN ('open', 'ended', 'discarded')`),
    check('uploads_quota', sql`committed_bytes_per_node BETWEEN 0 AND quota_bytes_per_node`),
    index('uploads_to_do')
      .on(table.state, table.expiresAtMs)
      .where(sql`state <> 'discarded'`),
    index('uploads_by_vault').on(table.clientId, table.vaultId),
  ],
);

export const uploadNodes = pgTable(
  'upload_nodes',
  {
    uploadId: hexBytes('upload_id')
      .notNull()
      .references(() => uploads.uploadId, { onDelete: 'cascade' }),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
  },
  (table) => [primaryKey({ columns: [table.uploadId, table.nodeNo] }), index('upload_nodes_by_node').on(table.nodeNo)],
);

/** Committed packs. A dropped one stays as a tombstone: a pack id is never used twice. */
export const packs = pgTable(
  'packs',
  {
    packNo: bigint('pack_no', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    clientId: hexBytes('client_id').notNull(),
    packId: hexBytes('pack_id').notNull(),
    vaultId: hexBytes('vault_id').notNull(),
    uploadId: hexBytes('upload_id')
      .notNull()
      .references(() => uploads.uploadId),
    dataShards: smallint('data_shards').notNull(),
    parityShards: smallint('parity_shards').notNull(),
    shardLengthBytes: integer('shard_length_bytes').notNull(),
    commitHash: hexBytes('commit_hash').notNull(),
    /** The signed commit (shard map); null once dropped. */
    commitToken: text('commit_token'),
    /** Sealed under a key that is not in this database; null once dropped. */
    sealedMaskKey: rawBytes('sealed_mask_key'),
    isDropped: boolean('is_dropped').notNull().default(false),
    committedAtMs: safeInteger('committed_at_ms').notNull(),
  },
  (table) => [
    unique('packs_by_id').on(table.clientId, table.packId),
    foreignKey({ columns: [table.clientId, table.vaultId], foreignColumns: [vaults.clientId, vaults.vaultId] }),
    lengthCheck('packs_pack_id_length', table.packId, 32),
    check('packs_shard_length', sql`shard_length_bytes > 0 AND shard_length_bytes % 65536 = 0`),
    check(
      'packs_policy',
      sql`data_shards BETWEEN 1 AND 20 AND parity_shards >= data_shards AND data_shards + parity_shards <= 40`,
    ),
    check('packs_dropped', sql`is_dropped = (sealed_mask_key IS NULL) AND is_dropped = (commit_token IS NULL)`),
    index('packs_of_vault')
      .on(table.clientId, table.vaultId, table.packId)
      .where(sql`NOT is_dropped`),
    index('packs_of_upload').on(table.uploadId),
  ],
);

/** One shard of a committed pack at one node, with the node's word that it took it. */
export const shards = pgTable(
  'shards',
  {
    packNo: bigint('pack_no', { mode: 'number' })
      .notNull()
      .references(() => packs.packNo),
    shardIndex: smallint('shard_index').notNull(),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    root: hexBytes('root').notNull(),
    receivedAtMs: safeInteger('received_at_ms').notNull(),
    receiptSignature: rawBytes('receipt_signature').notNull(),
    lostAtMs: safeInteger('lost_at_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.packNo, table.shardIndex] }),
    unique('shards_one_per_node').on(table.nodeNo, table.packNo),
    lengthCheck('shards_root_length', table.root, 32),
    check('shards_index', sql`shard_index BETWEEN 0 AND 39`),
  ],
);

/** What nodes are told to do: numbered per node without gaps in the order of commits, so that a cursor misses none. */
export const orders = pgTable(
  'orders',
  {
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    orderNo: safeInteger('order_no').notNull(),
    kind: text('kind', { enum: ['committed', 'delete', 'discard-upload'] }).notNull(),
    clientId: hexBytes('client_id').notNull(),
    /** Of `committed` and `discard-upload`. */
    uploadId: hexBytes('upload_id'),
    /** `[pack id, shard index]` of `committed` and `delete`. */
    shards: jsonb('shards').$type<[string, number][]>(),
    createdAtMs: safeInteger('created_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.nodeNo, table.orderNo] }),
    check('orders_kind', sql`kind IN ('committed', 'delete', 'discard-upload')`),
    check('orders_shards', sql`(kind = 'discard-upload') = (shards IS NULL)`),
    check('orders_upload', sql`kind = 'delete' OR upload_id IS NOT NULL`),
    index('orders_of_upload')
      .on(table.uploadId)
      .where(sql`upload_id IS NOT NULL`),
    index('orders_to_forget')
      .on(table.nodeNo, table.orderNo)
      .where(sql`kind <> 'committed'`),
  ],
);
