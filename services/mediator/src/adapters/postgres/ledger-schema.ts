/**
 * The tables of the money: ledger, mandates, agreements, settlements. The rules that more than one row is needed for
 * (transfers sum to zero, nothing is changed afterwards, balances follow the entries) are triggers: see the migration
 * `ledger_rules`. Amounts are millisatoshi, periods are numbered from 1970 in units of `ledger_settings.period_ms`.
 */
import { sql } from 'drizzle-orm';
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  customType,
  foreignKey,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { ACCOUNT_KINDS, TRANSFER_KINDS } from '../../ledger/index.ts';
import { hexBytes, lengthCheck, safeInteger } from './columns.ts';
import { nodes, uploads, vaults } from './schema.ts';

const amountMsat = (name: string) => bigint(name, { mode: 'bigint' });
/** The number of a transaction, as the database counts them. */
const transactionId = customType<{ data: string }>({ dataType: () => 'xid8' });
const oneOf = (column: string, values: readonly string[]) =>
  sql.raw(`${column} IN (${values.map((value) => `'${value}'`).join(', ')})`);

/** What every amount here is counted in; one row, written at the first start and never changed. */
export const ledgerSettings = pgTable(
  'ledger_settings',
  {
    isOnly: boolean('is_only').primaryKey().default(true),
    periodMs: safeInteger('period_ms').notNull(),
    /** One byte for one period at 1 sat/TB·month is numerator / denominator msat. */
    priceNumerator: amountMsat('price_numerator').notNull(),
    priceDenominator: amountMsat('price_denominator').notNull(),
  },
  () => [check('ledger_settings_is_only', sql`is_only`)],
);

/** Where money stands. A balance is the sum of the account's entries: only the trigger on the entries writes it. */
export const ledgerAccounts = pgTable(
  'ledger_accounts',
  {
    accountNo: integer('account_no').generatedAlwaysAsIdentity().primaryKey(),
    kind: text('kind', { enum: ACCOUNT_KINDS }).notNull(),
    /** Of `available`: whose it is. */
    clientId: hexBytes('client_id'),
    /** Of `hold` and `upload`: the client's account that what is not used goes back to. */
    availableNo: integer('available_no').references((): AnyPgColumn => ledgerAccounts.accountNo),
    /** Of `hold`, `earned`, `withheld` and `commission`. */
    nodeNo: integer('node_no').references(() => nodes.nodeNo),
    balanceMsat: amountMsat('balance_msat')
      .notNull()
      .default(sql`0`),
  },
  (table) => [
    check('ledger_accounts_kind', oneOf('kind', ACCOUNT_KINDS)),
    // What came in from outside stands below zero, everything else at or above it.
    check(
      'ledger_accounts_balance',
      sql`CASE WHEN kind IN ('deposits', 'admin_credits', 'bad_debt', 'capital') THEN balance_msat <= 0 ELSE balance_msat >= 0 END`,
    ),
    check('ledger_accounts_client', sql`(kind = 'available') = (client_id IS NOT NULL)`),
    check('ledger_accounts_owner', sql`(kind IN ('hold', 'upload')) = (available_no IS NOT NULL)`),
    check('ledger_accounts_node', sql`(kind IN ('hold', 'earned', 'withheld', 'commission')) = (node_no IS NOT NULL)`),
    uniqueIndex('ledger_accounts_of_client')
      .on(table.clientId)
      .where(sql`kind = 'available'`),
    uniqueIndex('ledger_accounts_of_node')
      .on(table.nodeNo, table.kind)
      .where(sql`kind IN ('earned', 'withheld', 'commission')`),
    uniqueIndex('ledger_accounts_of_mediator')
      .on(table.kind)
      .where(sql`client_id IS NULL AND available_no IS NULL AND node_no IS NULL`),
    index('ledger_accounts_held_for')
      .on(table.availableNo)
      .where(sql`available_no IS NOT NULL`),
  ],
);

/** Why money moved. */
export const ledgerTransfers = pgTable(
  'ledger_transfers',
  {
    transferNo: bigint('transfer_no', { mode: 'bigint' }).generatedAlwaysAsIdentity().primaryKey(),
    kind: text('kind', { enum: TRANSFER_KINDS }).notNull(),
    /** Of `accrual` and `void`: whose period was settled; of others: whom it concerns. */
    nodeNo: integer('node_no').references(() => nodes.nodeNo),
    period: integer('period'),
    /** What makes it happen only once: an outpoint, a request's id, an upload. Unique by kind. */
    reference: text('reference'),
    /** For people. */
    note: text('note'),
    madeAtMs: safeInteger('made_at_ms').notNull(),
    /** Entries are only taken from the transaction that made the transfer. */
    madeIn: transactionId('made_in')
      .notNull()
      .default(sql`pg_current_xact_id()`),
  },
  (table) => [
    check('ledger_transfers_kind', oneOf('kind', TRANSFER_KINDS)),
    check(
      'ledger_transfers_settlement',
      sql`kind NOT IN ('accrual', 'void') OR (node_no IS NOT NULL AND period IS NOT NULL)`,
    ),
    check('ledger_transfers_credit', sql`kind <> 'credit' OR (reference IS NOT NULL AND note IS NOT NULL)`),
    // One accrual per agreement and period: an agreement's hold takes part in a transfer once (key of the entries),
    // it belongs to one node (rules), and a node's period is settled by one transfer.
    uniqueIndex('ledger_transfers_one_per_period')
      .on(table.nodeNo, table.period)
      .where(sql`kind IN ('accrual', 'void')`),
    uniqueIndex('ledger_transfers_by_reference')
      .on(table.kind, table.reference)
      .where(sql`reference IS NOT NULL`),
  ],
);

/**
 * Legs of transfers: those of one transfer sum to zero. No foreign keys: the trigger looks up all accounts and transfers
 * of a statement at once, and neither can be deleted.
 */
export const ledgerEntries = pgTable(
  'ledger_entries',
  {
    transferNo: bigint('transfer_no', { mode: 'bigint' }).notNull(),
    accountNo: integer('account_no').notNull(),
    amountMsat: amountMsat('amount_msat').notNull(),
    /** A hold's leg of a settlement; found by node and period, so that a million of them an hour need no second index. */
    isSettlement: boolean('is_settlement').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.transferNo, table.accountNo] }),
    check('ledger_entries_amount', sql`amount_msat <> 0`),
    index('ledger_entries_of_account')
      .on(table.accountNo, table.transferNo)
      .where(sql`NOT is_settlement`),
  ],
);

/** Which account a kind of transfer may take from (−1) and give to (+1). Filled by the migration. */
export const ledgerRules = pgTable(
  'ledger_rules',
  {
    transferKind: text('transfer_kind', { enum: TRANSFER_KINDS }).notNull(),
    accountKind: text('account_kind', { enum: ACCOUNT_KINDS }).notNull(),
    direction: integer('direction').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.transferKind, table.accountKind] }),
    check('ledger_rules_direction', sql`direction IN (-1, 1)`),
  ],
);

/** A node's side of the money. Whoever moves a hold of the node's, or settles it, locks this row first. */
export const ledgerNodes = pgTable(
  'ledger_nodes',
  {
    nodeNo: integer('node_no')
      .primaryKey()
      .references(() => nodes.nodeNo),
    earnedNo: integer('earned_no')
      .notNull()
      .references(() => ledgerAccounts.accountNo),
    withheldNo: integer('withheld_no')
      .notNull()
      .references(() => ledgerAccounts.accountNo),
    commissionNo: integer('commission_no')
      .notNull()
      .references(() => ledgerAccounts.accountNo),
    /** Bytes change only from later periods on, whatever a slow clock or a long wait says. */
    lastSettledPeriod: integer('last_settled_period').notNull().default(0),
    /** Fractions of a millisatoshi, in millionths, left over from the shares of the last settlement. */
    commissionCarry: integer('commission_carry').notNull().default(0),
    withheldCarry: integer('withheld_carry').notNull().default(0),
  },
  () => [
    check('ledger_nodes_carries', sql`commission_carry BETWEEN 0 AND 999999 AND withheld_carry BETWEEN 0 AND 999999`),
  ],
);

export const mandates = pgTable(
  'mandates',
  {
    clientId: hexBytes('client_id').notNull(),
    vaultId: hexBytes('vault_id').notNull(),
    sequence: safeInteger('sequence').notNull(),
    mandateHash: hexBytes('mandate_hash').notNull().unique(),
    token: text('token').notNull(),
    maxPriceSatPerTbMonth: amountMsat('max_price_sat_per_tb_month').notNull(),
    regions: text('regions').array().notNull(),
    avoidOperators: text('avoid_operators').array().notNull(),
    /** Up to 2^64 − 1 on the wire; kept to what a ledger can hold. */
    monthlyLimitMsat: amountMsat('monthly_limit_msat').notNull(),
    expiresAtMs: safeInteger('expires_at_ms').notNull(),
    receivedAtMs: safeInteger('received_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.clientId, table.vaultId, table.sequence] }),
    foreignKey({ columns: [table.clientId, table.vaultId], foreignColumns: [vaults.clientId, vaults.vaultId] }),
    lengthCheck('mandates_mandate_hash_length', table.mandateHash, 32),
    check('mandates_amounts', sql`max_price_sat_per_tb_month >= 0 AND monthly_limit_msat >= 0`),
  ],
);

/** The storage contract of a vault with a node, for a term at one price. */
export const agreements = pgTable(
  'agreements',
  {
    agreementNo: integer('agreement_no').generatedAlwaysAsIdentity().primaryKey(),
    agreementId: hexBytes('agreement_id').notNull().unique(),
    clientId: hexBytes('client_id').notNull(),
    vaultId: hexBytes('vault_id').notNull(),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    mandateHash: hexBytes('mandate_hash')
      .notNull()
      .references(() => mandates.mandateHash),
    priceSatPerTbMonth: amountMsat('price_sat_per_tb_month').notNull(),
    commissionPpm: integer('commission_ppm').notNull(),
    startPeriod: integer('start_period').notNull(),
    /** The first period that it does not cover any more. */
    endPeriod: integer('end_period').notNull(),
    holdNo: integer('hold_no')
      .notNull()
      .unique()
      .references(() => ledgerAccounts.accountNo),
    state: text('state', { enum: ['active', 'renewed', 'grace', 'ended'] }).notNull(),
    endedBy: text('ended_by', { enum: ['term', 'client', 'node', 'mediator'] }),
    /** The agreement that it follows under the same mandate. */
    renewedFrom: integer('renewed_from')
      .unique()
      .references((): AnyPgColumn => agreements.agreementNo),
    /** Under all amendments so far, also those that take effect next period. */
    storedBytes: safeInteger('stored_bytes').notNull(),
    openedAtMs: safeInteger('opened_at_ms').notNull(),
    /** The node's signature on it; null until it has signed. */
    nodeToken: text('node_token'),
    terminationToken: text('termination_token'),
  },
  (table) => [
    // Renewals are one for each agreement that they follow: those of two that end together begin together.
    uniqueIndex('agreements_one_per_term')
      .on(table.clientId, table.vaultId, table.nodeNo, table.priceSatPerTbMonth, table.startPeriod)
      .where(sql`state <> 'ended' AND renewed_from IS NULL`),
    foreignKey({ columns: [table.clientId, table.vaultId], foreignColumns: [vaults.clientId, vaults.vaultId] }),
    lengthCheck('agreements_agreement_id_length', table.agreementId, 16),
    check('agreements_state', sql`state IN ('active', 'renewed', 'grace', 'ended')`),
    check('agreements_end', sql`(state = 'ended') = (ended_by IS NOT NULL)`),
    check('agreements_term', sql`end_period >= start_period AND stored_bytes >= 0`),
    check('agreements_price', sql`price_sat_per_tb_month >= 0 AND commission_ppm BETWEEN 0 AND 1000000`),
    index('agreements_running')
      .on(table.endPeriod)
      .where(sql`state <> 'ended'`),
    index('agreements_of_node').on(table.nodeNo, table.endPeriod),
    index('agreements_of_vault').on(table.clientId, table.vaultId, table.endPeriod),
  ],
);

/** So many bytes of an agreement over a run of periods: what a settlement reads, and nothing else. Spans never overlap. */
export const agreementSpans = pgTable(
  'agreement_spans',
  {
    agreementNo: integer('agreement_no')
      .notNull()
      .references(() => agreements.agreementNo),
    fromPeriod: integer('from_period').notNull(),
    untilPeriod: integer('until_period').notNull(),
    nodeNo: integer('node_no').notNull(),
    holdNo: integer('hold_no').notNull(),
    commissionPpm: integer('commission_ppm').notNull(),
    storedBytes: safeInteger('stored_bytes').notNull(),
    /** Due each period: whole millisatoshi, and the rest in denominators of `ledger_settings`. */
    rateMsat: amountMsat('rate_msat').notNull(),
    rateRest: amountMsat('rate_rest').notNull(),
    /** The fraction carried over from before the first period. */
    carry: amountMsat('carry').notNull(),
    /** The node's signature on these bytes; null until it has signed. */
    nodeToken: text('node_token'),
  },
  (table) => [
    primaryKey({ columns: [table.agreementNo, table.fromPeriod] }),
    check('agreement_spans_periods', sql`from_period < until_period`),
    check('agreement_spans_amounts', sql`stored_bytes >= 0 AND rate_msat >= 0 AND rate_rest >= 0 AND carry >= 0`),
    index('agreement_spans_of_node').on(table.nodeNo, table.untilPeriod),
  ],
);

/** What a node's period came to. It is settled when its row is here, and only then. */
export const settlements = pgTable(
  'settlements',
  {
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    period: integer('period').notNull(),
    verdict: text('verdict', { enum: ['passed', 'failed', 'missed', 'void'] }).notNull(),
    /** Absent where nothing was due. */
    transferNo: bigint('transfer_no', { mode: 'bigint' }).references(() => ledgerTransfers.transferNo),
    agreementCount: integer('agreement_count').notNull(),
    dueMsat: amountMsat('due_msat').notNull(),
    commissionMsat: amountMsat('commission_msat').notNull(),
    earnedMsat: amountMsat('earned_msat').notNull(),
    withheldMsat: amountMsat('withheld_msat').notNull(),
    settledAtMs: safeInteger('settled_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.nodeNo, table.period] }),
    check('settlements_verdict', sql`verdict IN ('passed', 'failed', 'missed', 'void')`),
    check(
      'settlements_amounts',
      sql`due_msat >= 0 AND commission_msat >= 0 AND earned_msat >= 0 AND withheld_msat >= 0
        AND commission_msat + earned_msat + withheld_msat = CASE verdict WHEN 'passed' THEN due_msat ELSE 0 END`,
    ),
  ],
);

/** Money reserved when an upload was opened: for a whole term of its bytes at each of its nodes. */
export const uploadReserves = pgTable(
  'upload_reserves',
  {
    uploadId: hexBytes('upload_id')
      .primaryKey()
      .references(() => uploads.uploadId),
    clientId: hexBytes('client_id').notNull(),
    vaultId: hexBytes('vault_id').notNull(),
    accountNo: integer('account_no')
      .notNull()
      .unique()
      .references(() => ledgerAccounts.accountNo),
    mandateHash: hexBytes('mandate_hash')
      .notNull()
      .references(() => mandates.mandateHash),
    commissionPpm: integer('commission_ppm').notNull(),
    quotaBytesPerNode: safeInteger('quota_bytes_per_node').notNull(),
    committedBytesPerNode: safeInteger('committed_bytes_per_node').notNull().default(0),
    /** `open`: for a term; `closing`: for the storage time of what was not committed; `settled`: empty. */
    state: text('state', { enum: ['open', 'closing', 'settled'] }).notNull(),
    /** When its nodes were told to discard what was not committed; from then on they may say what lay there. */
    discardedAtMs: safeInteger('discarded_at_ms'),
  },
  (table) => [
    check('upload_reserves_state', sql`state IN ('open', 'closing', 'settled')`),
    check('upload_reserves_quota', sql`committed_bytes_per_node BETWEEN 0 AND quota_bytes_per_node`),
    check('upload_reserves_discarded', sql`discarded_at_ms IS NULL OR state <> 'open'`),
    index('upload_reserves_to_settle')
      .on(table.discardedAtMs)
      .where(sql`state = 'closing' AND discarded_at_ms IS NOT NULL`),
    index('upload_reserves_of_vault')
      .on(table.clientId, table.vaultId)
      .where(sql`state <> 'settled'`),
  ],
);

/** The price at each node of an upload, fixed when it was opened; and what the node says lay there uncommitted. */
export const uploadOffers = pgTable(
  'upload_offers',
  {
    uploadId: hexBytes('upload_id')
      .notNull()
      .references(() => uploadReserves.uploadId),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    priceSatPerTbMonth: amountMsat('price_sat_per_tb_month').notNull(),
    /** Of the node's first answer, within what the upload granted it; null until it has answered. */
    uncommittedBytes: safeInteger('uncommitted_bytes'),
    /** For how long, on average over those bytes. */
    lainMs: safeInteger('lain_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.uploadId, table.nodeNo] }),
    check(
      'upload_offers_answer',
      sql`(uncommitted_bytes IS NULL) = (lain_ms IS NULL) AND uncommitted_bytes >= 0 AND lain_ms >= 0`,
    ),
  ],
);
