/**
 * The tables of published liabilities and of reconciliations: roots with their trees, every output that the wallets ever
 * had, what moved in them by the operator's own hand, and what each comparison of ledger and chain came to. Trees are in
 * millisatoshi, the chain in satoshi.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
} from 'drizzle-orm/pg-core';
import { hexBytes, lengthCheck, safeInteger } from './columns.ts';

const amount = (name: string) => bigint(name, { mode: 'bigint' });

/** Signed words on what is owed. They stay for ever; their trees are forgotten after a while. */
export const liabilityRoots = pgTable(
  'liability_roots',
  {
    sequence: integer('sequence').primaryKey(),
    token: text('token').notNull(),
    /** messageHash of the token. */
    messageHash: hexBytes('message_hash').notNull().unique(),
    root: hexBytes('root').notNull(),
    totalMsat: amount('total_msat').notNull(),
    leafCount: integer('leaf_count').notNull(),
    throughTransferNo: bigint('through_transfer_no', { mode: 'bigint' }).notNull(),
    madeAtMs: safeInteger('made_at_ms').notNull(),
    hasTree: boolean('has_tree').notNull().default(true),
  },
  (table) => [
    lengthCheck('liability_roots_root_length', table.root, 32),
    check('liability_roots_amounts', sql`sequence > 0 AND total_msat >= 0 AND leaf_count >= 0`),
  ],
);

/** Nodes of the trees, leaves among them (level 0). */
export const liabilityNodes = pgTable(
  'liability_nodes',
  {
    sequence: integer('sequence')
      .notNull()
      .references(() => liabilityRoots.sequence),
    level: smallint('level').notNull(),
    position: integer('position').notNull(),
    hash: hexBytes('hash').notNull(),
    sumMsat: amount('sum_msat').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sequence, table.level, table.position] }),
    check('liability_nodes_sum', sql`sum_msat >= 0`),
  ],
);

/** Whose leaf stands where. Only its owner is ever told. */
export const liabilityLeaves = pgTable(
  'liability_leaves',
  {
    sequence: integer('sequence')
      .notNull()
      .references(() => liabilityRoots.sequence),
    kind: text('kind', { enum: ['client', 'node'] }).notNull(),
    ownerId: hexBytes('owner_id').notNull(),
    position: integer('position').notNull(),
    salt: hexBytes('salt').notNull(),
    amountMsat: amount('amount_msat').notNull(),
    /** Of the amount: what could be withdrawn or paid out at once, what is bound, and what is on its way out. */
    freeMsat: amount('free_msat').notNull(),
    boundMsat: amount('bound_msat').notNull(),
    inFlightMsat: amount('in_flight_msat').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sequence, table.kind, table.ownerId] }),
    check('liability_leaves_kind', sql`kind IN ('client', 'node')`),
    check('liability_leaves_sum', sql`amount_msat = free_msat + bound_msat + in_flight_msat AND amount_msat > 0`),
  ],
);

/** How far each wallet's outputs have been read. */
export const walletCursors = pgTable('wallet_cursors', {
  wallet: text('wallet', { enum: ['deposits', 'payouts'] }).primaryKey(),
  cursor: text('cursor').notNull(),
});

/** Every output that a wallet of ours was ever seen to have. */
export const walletOutputs = pgTable(
  'wallet_outputs',
  {
    txid: hexBytes('txid').notNull(),
    vout: integer('vout').notNull(),
    wallet: text('wallet', { enum: ['deposits', 'payouts'] }).notNull(),
    address: text('address').notNull(),
    sats: amount('sats').notNull(),
    /** What spends it, once that is so deep in the chain that it need not be asked again. */
    spentBy: hexBytes('spent_by'),
  },
  (table) => [
    primaryKey({ columns: [table.txid, table.vout] }),
    check('wallet_outputs_wallet', sql`wallet IN ('deposits', 'payouts')`),
    check('wallet_outputs_sats', sql`sats >= 0`),
    index('wallet_outputs_open')
      .on(table.wallet)
      .where(sql`spent_by IS NULL`),
  ],
);

/**
 * What moved in the wallets and is neither a deposit nor a payout: the operator's own money, and what it costs to move.
 * Each is booked in the ledger, and makes up for what the chain has more or less by that transaction.
 */
export const walletMovements = pgTable(
  'wallet_movements',
  {
    movementNo: integer('movement_no').generatedAlwaysAsIdentity().primaryKey(),
    txid: hexBytes('txid').notNull(),
    kind: text('kind', { enum: ['funding', 'sweep_fee', 'funding_returned'] }).notNull(),
    /** What the chain has more (or less, negative) by it. */
    sats: amount('sats').notNull(),
    transferNo: bigint('transfer_no', { mode: 'bigint' }).notNull().unique(),
    /** Why an admin had it booked; absent where it explains itself. */
    note: text('note'),
    bookedAtMs: safeInteger('booked_at_ms').notNull(),
  },
  (table) => [
    check('wallet_movements_kind', sql`kind IN ('funding', 'sweep_fee', 'funding_returned')`),
    check('wallet_movements_sats', sql`sats <> 0 AND (kind = 'funding') = (sats > 0)`),
    index('wallet_movements_of_transaction').on(table.txid),
  ],
);

/** A line of a reconciliation: one transaction, or one rule of the ledger, and what it makes a difference. */
export interface ReconciliationLine {
  readonly subject: string;
  readonly what: string;
  /** What the chain has more than the ledger says by it. */
  readonly sats: string;
}

/** What each comparison of ledger and chain came to. */
export const reconciliations = pgTable(
  'reconciliations',
  {
    number: integer('number').generatedAlwaysAsIdentity().primaryKey(),
    state: text('state', { enum: ['balanced', 'differs', 'resolved'] }).notNull(),
    checkedAtMs: safeInteger('checked_at_ms').notNull(),
    tipHeight: integer('tip_height').notNull(),
    tipHash: hexBytes('tip_hash').notNull(),
    chainSats: amount('chain_sats').notNull(),
    /** In millisatoshi: also half a satoshi would be a difference. */
    ledgerMsat: amount('ledger_msat').notNull(),
    pendingSats: amount('pending_sats').notNull(),
    pending: jsonb('pending').$type<ReconciliationLine[]>().notNull(),
    differences: jsonb('differences').$type<ReconciliationLine[]>().notNull(),
    resolvedBy: hexBytes('resolved_by'),
    resolvedAtMs: safeInteger('resolved_at_ms'),
    note: text('note'),
  },
  (table) => [
    check('reconciliations_state', sql`state IN ('balanced', 'differs', 'resolved')`),
    check('reconciliations_balanced', sql`(state = 'balanced') = (jsonb_array_length(differences) = 0)`),
    check(
      'reconciliations_resolved',
      sql`(state = 'resolved') = (resolved_by IS NOT NULL) AND (state = 'resolved') = (note IS NOT NULL)`,
    ),
    index('reconciliations_open')
      .on(table.number)
      .where(sql`state = 'differs'`),
  ],
);
