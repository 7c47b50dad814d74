/**
 * The tables of payouts: where nodes want their money, what clients withdraw, batches with their payees, the signed
 * transactions of each and the outputs that they spend, and what stops them. Amounts are whole satoshi.
 */
import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { hexBytes, lengthCheck, safeInteger } from './columns.ts';
import { nodes } from './schema.ts';

const sats = (name: string) => bigint(name, { mode: 'bigint' });

/** Where a node wants its money: in force is the newest one whose time has come. */
export const payoutAddresses = pgTable(
  'payout_addresses',
  {
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    sequence: safeInteger('sequence').notNull(),
    address: text('address').notNull(),
    /** Of the output that pays to it, hex. */
    script: hexBytes('script').notNull(),
    /** Signed by the node. */
    token: text('token').notNull(),
    receivedAtMs: safeInteger('received_at_ms').notNull(),
    effectiveAtMs: safeInteger('effective_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.nodeNo, table.sequence] }),
    check('payout_addresses_in_time', sql`effective_at_ms >= received_at_ms`),
  ],
);

const BATCH_STATES = ['signed', 'broadcast', 'confirmed', 'final', 'voided'] as const;

/**
 * One payment to many. All its transactions spend the designated output, so at most one of them can ever be mined. A row
 * exists from the moment on when its first transaction is signed; the ledger moved in the same transaction.
 */
export const payoutBatches = pgTable(
  'payout_batches',
  {
    batchNo: integer('batch_no').generatedAlwaysAsIdentity().primaryKey(),
    batchId: hexBytes('batch_id').notNull().unique(),
    state: text('state', { enum: BATCH_STATES }).notNull(),
    designatedTxid: hexBytes('designated_txid').notNull(),
    designatedVout: integer('designated_vout').notNull(),
    /** Number of the hot wallet's own address that the change goes to. */
    changeIndex: integer('change_index').notNull().unique(),
    /** What the payees asked for, and of it the fee of the first transaction. */
    grossSats: sats('gross_sats').notNull(),
    feeSats: sats('fee_sats').notNull(),
    /** What a replacement cost more than the first transaction: the mediator's. Known when final. */
    extraFeeSats: sats('extra_fee_sats')
      .notNull()
      .default(sql`0`),
    isExtraFeeBooked: boolean('is_extra_fee_booked').notNull().default(true),
    plannedAtMs: safeInteger('planned_at_ms').notNull(),
    /** What was taken last by the node: in the chain, or on its way there. */
    settledTxid: hexBytes('settled_txid'),
    closedAtMs: safeInteger('closed_at_ms'),
    /** The foreign transaction that made it void. */
    voidedByTxid: hexBytes('voided_by_txid'),
  },
  (table) => [
    lengthCheck('payout_batches_batch_id_length', table.batchId, 16),
    check('payout_batches_state', sql`state IN ('signed', 'broadcast', 'confirmed', 'final', 'voided')`),
    check('payout_batches_closed', sql`(state IN ('final', 'voided')) = (closed_at_ms IS NOT NULL)`),
    check('payout_batches_settled', sql`state NOT IN ('confirmed', 'final') OR settled_txid IS NOT NULL`),
    check('payout_batches_voided', sql`(state = 'voided') = (voided_by_txid IS NOT NULL)`),
    check('payout_batches_amounts', sql`gross_sats > 0 AND fee_sats BETWEEN 0 AND gross_sats AND extra_fee_sats >= 0`),
    index('payout_batches_open')
      .on(table.batchNo)
      .where(sql`state NOT IN ('final', 'voided')`),
    index('payout_batches_by_time').on(table.plannedAtMs),
  ],
);

const WITHDRAWAL_STATES = ['waiting', 'paying', 'paid', 'voided', 'cancelled'] as const;

/** What a client asked for, with its signature. From the request on, the money is in flight. */
export const withdrawals = pgTable(
  'withdrawals',
  {
    withdrawalNo: integer('withdrawal_no').generatedAlwaysAsIdentity().primaryKey(),
    /** Hash of the signed message. */
    withdrawalId: hexBytes('withdrawal_id').notNull().unique(),
    clientId: hexBytes('client_id').notNull(),
    sequence: safeInteger('sequence').notNull(),
    address: text('address').notNull(),
    script: hexBytes('script').notNull(),
    amountSats: sats('amount_sats').notNull(),
    token: text('token').notNull(),
    state: text('state', { enum: WITHDRAWAL_STATES }).notNull(),
    requestedAtMs: safeInteger('requested_at_ms').notNull(),
    closedAtMs: safeInteger('closed_at_ms'),
  },
  (table) => [
    uniqueIndex('withdrawals_of_client').on(table.clientId, table.sequence),
    check('withdrawals_state', sql`state IN ('waiting', 'paying', 'paid', 'voided', 'cancelled')`),
    check('withdrawals_closed', sql`(state IN ('waiting', 'paying')) = (closed_at_ms IS NULL)`),
    check('withdrawals_amount', sql`amount_sats > 0`),
    index('withdrawals_waiting')
      .on(table.withdrawalNo)
      .where(sql`state = 'waiting'`),
  ],
);

/** Who is paid by a batch: a node, or a client's withdrawal. Receives the amount less its share of the fee. */
export const payoutPayees = pgTable(
  'payout_payees',
  {
    batchNo: integer('batch_no')
      .notNull()
      .references(() => payoutBatches.batchNo),
    payeeNo: integer('payee_no').notNull(),
    nodeNo: integer('node_no').references(() => nodes.nodeNo),
    withdrawalNo: integer('withdrawal_no').references(() => withdrawals.withdrawalNo),
    address: text('address').notNull(),
    script: hexBytes('script').notNull(),
    grossSats: sats('gross_sats').notNull(),
    feeShareSats: sats('fee_share_sats').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.batchNo, table.payeeNo] }),
    check('payout_payees_one', sql`(node_no IS NULL) <> (withdrawal_no IS NULL)`),
    check('payout_payees_amounts', sql`fee_share_sats >= 0 AND gross_sats > fee_share_sats`),
    uniqueIndex('payout_payees_of_batch')
      .on(table.batchNo, table.nodeNo)
      .where(sql`node_no IS NOT NULL`),
    // Asked for once, paid once: a voided one has to be asked for again.
    uniqueIndex('payout_payees_of_withdrawal')
      .on(table.withdrawalNo)
      .where(sql`withdrawal_no IS NOT NULL`),
    index('payout_payees_of_node').on(table.nodeNo, table.batchNo),
  ],
);

/** Every transaction that was ever signed for a batch, as it goes over the wire; stored before it is broadcast. */
export const payoutTransactions = pgTable(
  'payout_transactions',
  {
    batchNo: integer('batch_no')
      .notNull()
      .references(() => payoutBatches.batchNo),
    /** 0: the first; then its replacements. */
    replacementNo: integer('replacement_no').notNull(),
    txid: hexBytes('txid').notNull().unique(),
    /** Complete with its signatures. */
    signed: hexBytes('signed').notNull(),
    feeSats: sats('fee_sats').notNull(),
    satPerKvb: sats('sat_per_kvb').notNull(),
    signedAtMs: safeInteger('signed_at_ms').notNull(),
    /** Where the chain stood: how long it has been waiting is counted in blocks. */
    signedAtHeight: integer('signed_at_height').notNull(),
    broadcastAtMs: safeInteger('broadcast_at_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.batchNo, table.replacementNo] }),
    check('payout_transactions_fee', sql`fee_sats >= 0 AND sat_per_kvb >= 0`),
  ],
);

/** Outputs of the hot wallet that a batch spends. While it is open, no other batch takes them. */
export const payoutInputs = pgTable(
  'payout_inputs',
  {
    batchNo: integer('batch_no')
      .notNull()
      .references((): AnyPgColumn => payoutBatches.batchNo),
    txid: hexBytes('txid').notNull(),
    vout: integer('vout').notNull(),
    sats: sats('sats').notNull(),
    address: text('address').notNull(),
    script: hexBytes('script').notNull(),
    isReleased: boolean('is_released').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.batchNo, table.txid, table.vout] }),
    uniqueIndex('payout_inputs_once')
      .on(table.txid, table.vout)
      .where(sql`NOT is_released`),
  ],
);

/** What happened to a batch, step by step, for people. */
export const payoutSteps = pgTable(
  'payout_steps',
  {
    stepNo: bigint('step_no', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    batchNo: integer('batch_no')
      .notNull()
      .references(() => payoutBatches.batchNo),
    happenedAtMs: safeInteger('happened_at_ms').notNull(),
    step: text('step').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
  },
  (table) => [index('payout_steps_of_batch').on(table.batchNo, table.stepNo)],
);

/** While there is a row, no money leaves: an admin paused it, or the ledger differs from the chain. */
export const payoutControls = pgTable(
  'payout_controls',
  {
    pausedBy: text('paused_by', { enum: ['admin', 'reconciliation'] }).primaryKey(),
    reason: text('reason').notNull(),
    pausedAtMs: safeInteger('paused_at_ms').notNull(),
  },
  () => [check('payout_controls_paused_by', sql`paused_by IN ('admin', 'reconciliation')`)],
);

/** An admin's word that this node, or this withdrawal, may be paid so much at once. Good for one payment. */
export const payoutApprovals = pgTable(
  'payout_approvals',
  {
    approvalNo: integer('approval_no').generatedAlwaysAsIdentity().primaryKey(),
    nodeNo: integer('node_no').references(() => nodes.nodeNo),
    withdrawalNo: integer('withdrawal_no').references(() => withdrawals.withdrawalNo),
    upToSats: sats('up_to_sats').notNull(),
    approvedBy: hexBytes('approved_by').notNull(),
    note: text('note').notNull(),
    approvedAtMs: safeInteger('approved_at_ms').notNull(),
    usedBy: integer('used_by').references(() => payoutBatches.batchNo),
  },
  (table) => [
    check('payout_approvals_one', sql`(node_no IS NULL) <> (withdrawal_no IS NULL)`),
    uniqueIndex('payout_approvals_of_node')
      .on(table.nodeNo)
      .where(sql`node_no IS NOT NULL AND used_by IS NULL`),
    uniqueIndex('payout_approvals_of_withdrawal')
      .on(table.withdrawalNo)
      .where(sql`withdrawal_no IS NOT NULL AND used_by IS NULL`),
  ],
);
