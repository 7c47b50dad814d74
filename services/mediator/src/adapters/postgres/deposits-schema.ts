/**
 * The tables of deposits: addresses that were given to clients, outputs that were seen at them, claims on clients whose
 * deposits the chain took away after they were spent. What they must come to together is `deposit_faults()`.
 */
import { sql } from 'drizzle-orm';
import { bigint, boolean, check, index, integer, pgTable, primaryKey, text, unique } from 'drizzle-orm/pg-core';
import { hexBytes, lengthCheck, safeInteger } from './columns.ts';

/** The extended public keys that addresses were derived from; the newest is in use, all of them are watched. */
export const depositKeys = pgTable('deposit_keys', {
  keyNo: integer('key_no').generatedAlwaysAsIdentity().primaryKey(),
  /** Ranged, with its checksum. Public: it gives no money away, but shows all addresses. */
  descriptor: text('descriptor').notNull().unique(),
  /** The next index that nobody was given. Never goes back. */
  nextIndex: integer('next_index').notNull().default(0),
  /** Addresses 0 to this one are watched; −1: none yet. */
  watchedTo: integer('watched_to').notNull().default(-1),
  madeAtMs: safeInteger('made_at_ms').notNull(),
});

/** Whose an address is, for ever. */
export const depositAddresses = pgTable(
  'deposit_addresses',
  {
    keyNo: integer('key_no')
      .notNull()
      .references(() => depositKeys.keyNo),
    addressIndex: integer('address_index').notNull(),
    address: text('address').notNull().unique(),
    clientId: hexBytes('client_id').notNull(),
    madeAtMs: safeInteger('made_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.keyNo, table.addressIndex] }),
    lengthCheck('deposit_addresses_client_id_length', table.clientId, 32),
    check('deposit_addresses_index', sql`address_index >= 0`),
    index('deposit_addresses_of_client').on(table.clientId),
  ],
);

const DEPOSIT_STATES = ['seen', 'credited', 'reversed', 'gone'] as const;

/** Outputs to watched addresses, one row for each outpoint, for ever. */
export const deposits = pgTable(
  'deposits',
  {
    depositNo: bigint('deposit_no', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    txid: hexBytes('txid').notNull(),
    vout: integer('vout').notNull(),
    address: text('address').notNull(),
    /** Absent: nobody was given that address. It waits for an admin and is in no account. */
    clientId: hexBytes('client_id'),
    sats: bigint('sats', { mode: 'bigint' }).notNull(),
    /** `gone`: the chain took it away before it was credited; `reversed`: after. Either may come back. */
    state: text('state', { enum: DEPOSIT_STATES }).notNull(),
    confirmations: integer('confirmations').notNull(),
    blockHash: hexBytes('block_hash'),
    /** How many confirmations it was last told to wait for. */
    requiredConfirmations: integer('required_confirmations').notNull(),
    /** How often it was credited: each time under a reference of its own. */
    credits: integer('credits').notNull().default(0),
    seenAtMs: safeInteger('seen_at_ms').notNull(),
    creditedAtMs: safeInteger('credited_at_ms'),
    changedAtMs: safeInteger('changed_at_ms').notNull(),
  },
  (table) => [
    unique('deposits_outpoint').on(table.txid, table.vout),
    lengthCheck('deposits_txid_length', table.txid, 32),
    check('deposits_vout', sql`vout >= 0`),
    check('deposits_sats', sql`sats >= 0`),
    check('deposits_state', sql`state IN ('seen', 'credited', 'reversed', 'gone')`),
    check('deposits_confirmations', sql`confirmations >= 0`),
    check('deposits_credits', sql`credits >= 0 AND (credits > 0 OR state NOT IN ('credited', 'reversed'))`),
    check('deposits_credited_to', sql`client_id IS NOT NULL OR credits = 0`),
    index('deposits_of_client').on(table.clientId, table.depositNo),
    index('deposits_of_address').on(table.address),
    index('deposits_in_motion').on(table.confirmations, table.state),
  ],
);

/** How far the chain was read; one row. */
export const depositWatch = pgTable(
  'deposit_watch',
  {
    isOnly: boolean('is_only').primaryKey().default(true),
    cursor: text('cursor'),
    /** Where confirmed outputs were last looked at. */
    tipHash: text('tip_hash'),
    /** The highest tip that was ever seen: while the node is below it, nothing is reversed. */
    bestHeight: integer('best_height').notNull().default(0),
  },
  () => [check('deposit_watch_is_only', sql`is_only`)],
);

/** What clients owe for deposits that were reversed after they were spent. Together: the account `bad_debt`. */
export const clientDebts = pgTable(
  'client_debts',
  {
    clientId: hexBytes('client_id').primaryKey(),
    owedMsat: bigint('owed_msat', { mode: 'bigint' }).notNull(),
    changedAtMs: safeInteger('changed_at_ms').notNull(),
  },
  () => [check('client_debts_owed', sql`owed_msat >= 0`)],
);
