/**
 * The tables of challenges: periods, where shards lie on their lines, what was asked and answered, what is still to be
 * asked again, reputations, retrieval checks, outages, and the events that tell others of all this.
 * Times are milliseconds since 1970, periods are numbered from 1970, lines are counted in leaves of 1,024 bytes.
 */
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  customType,
  doublePrecision,
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
import type { FaultyShard } from '@holdfast/protocol';
import { hexBytes, lengthCheck, rawBytes, safeInteger } from './columns.ts';
import { nodes, packs, shards, vaults } from './schema.ts';

const transactionId = customType<{ data: string }>({ dataType: () => 'xid8' });

/** A period whose secret the mediator committed to before it began: a later commitment proves nothing. */
export const challengePeriods = pgTable(
  'challenge_periods',
  {
    period: integer('period').primaryKey(),
    startsAtMs: safeInteger('starts_at_ms').notNull(),
    periodMs: safeInteger('period_ms').notNull(),
    secretHash: hexBytes('secret_hash').notNull(),
    /** Token. */
    commitment: text('commitment').notNull(),
    committedAtMs: safeInteger('committed_at_ms').notNull(),
    /** Under a key that is not in this database. */
    sealedSecret: rawBytes('sealed_secret').notNull(),
    /** When the moments of all nodes were drawn. */
    plannedAtMs: safeInteger('planned_at_ms'),
    /** In the open, after the period. */
    secret: hexBytes('secret'),
  },
  (table) => [
    lengthCheck('challenge_periods_secret_hash_length', table.secretHash, 32),
    check('challenge_periods_commitment_first', sql`committed_at_ms < starts_at_ms`),
    index('challenge_periods_to_reveal')
      .on(table.startsAtMs)
      .where(sql`secret IS NULL`),
  ],
);

/** The line that a node's shards lie on. */
export const nodeLines = pgTable(
  'node_lines',
  {
    nodeNo: integer('node_no')
      .primaryKey()
      .references(() => nodes.nodeNo),
    /** Goes up when the line is closed up. */
    epoch: integer('epoch').notNull().default(0),
    leaves: safeInteger('leaves').notNull(),
    liveLeaves: safeInteger('live_leaves').notNull(),
  },
  () => [check('node_lines_leaves', sql`live_leaves BETWEEN 0 AND leaves`)],
);

/** The line that a vault's shards at one node lie on: of all agreements of that vault with that node together. */
export const vaultLines = pgTable(
  'vault_lines',
  {
    lineNo: integer('line_no').generatedAlwaysAsIdentity().primaryKey(),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    clientId: hexBytes('client_id').notNull(),
    vaultId: hexBytes('vault_id').notNull(),
    leaves: safeInteger('leaves').notNull(),
    liveLeaves: safeInteger('live_leaves').notNull(),
    /** The last period in which a leaf of it was shown. */
    shownPeriod: integer('shown_period'),
  },
  (table) => [
    unique('vault_lines_by_name').on(table.nodeNo, table.clientId, table.vaultId),
    foreignKey({ columns: [table.clientId, table.vaultId], foreignColumns: [vaults.clientId, vaults.vaultId] }),
    check('vault_lines_leaves', sql`live_leaves BETWEEN 0 AND leaves`),
  ],
);

/** Where a shard begins on both lines. Gone with the shard: what it covered is a hole. */
export const shardPlaces = pgTable(
  'shard_places',
  {
    packNo: bigint('pack_no', { mode: 'number' }).notNull(),
    shardIndex: smallint('shard_index').notNull(),
    nodeNo: integer('node_no').notNull(),
    startLeaf: safeInteger('start_leaf').notNull(),
    lineNo: integer('line_no')
      .notNull()
      .references(() => vaultLines.lineNo),
    vaultLeaf: safeInteger('vault_leaf').notNull(),
    leaves: integer('leaves').notNull(),
    isLost: boolean('is_lost').notNull().default(false),
    /** The last period in which a leaf of it was shown. */
    shownPeriod: integer('shown_period'),
  },
  (table) => [
    primaryKey({ columns: [table.packNo, table.shardIndex] }),
    foreignKey({
      columns: [table.packNo, table.shardIndex],
      foreignColumns: [shards.packNo, shards.shardIndex],
    }).onDelete('cascade'),
    // Not unique: closing a line up moves all of it in one statement.
    index('shard_places_on_node').on(table.nodeNo, table.startLeaf),
    index('shard_places_on_vault_line').on(table.lineNo, table.vaultLeaf),
    check('shard_places_leaves', sql`leaves > 0 AND start_leaf >= 0 AND vault_leaf >= 0`),
  ],
);

const CHALLENGE_STATES = ['planned', 'open', 'answered', 'judged', 'void'] as const;

/** What one node was asked in one period, and what came of it. */
export const challenges = pgTable(
  'challenges',
  {
    challengeId: hexBytes('challenge_id').primaryKey(),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    period: integer('period')
      .notNull()
      .references(() => challengePeriods.period),
    state: text('state', { enum: CHALLENGE_STATES }).notNull(),
    /** The moment that the secret drew. */
    dueAtMs: safeInteger('due_at_ms').notNull(),
    issuedAtMs: safeInteger('issued_at_ms'),
    deadlineAtMs: safeInteger('deadline_at_ms'),
    /** The bytes of the challenge message. */
    message: rawBytes('message'),
    /** Different shards with a leaf that was asked for afresh. */
    shardsAsked: integer('shards_asked').notNull().default(0),
    /** 32 bytes for each different shard, in the challenge's order: also of those that are dropped meanwhile. Until it is judged. */
    roots: rawBytes('roots'),
    /** Those shards, in the same order and for as long. */
    askedPacks: bigint('asked_packs', { mode: 'number' }).array(),
    askedIndexes: smallint('asked_indexes').array(),
    answeredAtMs: safeInteger('answered_at_ms'),
    /** SHA-256 of the proof frame. */
    proofHash: hexBytes('proof_hash'),
    /** What the answer shows of lost shards. */
    answerFaults: jsonb('answer_faults').$type<FaultyShard[]>(),
    outcome: text('outcome', { enum: ['passed', 'failed', 'missed'] }),
    voidReason: text('void_reason', { enum: ['not-asked', 'outage', 'dropped', 'unfair'] }),
    /** Token. */
    verdict: text('verdict'),
    shardsLost: integer('shards_lost').notNull().default(0),
    judgedAtMs: safeInteger('judged_at_ms'),
    /** Until then the frame is kept; null without one. */
    frameUntilMs: safeInteger('frame_until_ms'),
  },
  (table) => [
    unique('challenges_one_per_period').on(table.nodeNo, table.period),
    lengthCheck('challenges_challenge_id_length', table.challengeId, 16),
    check('challenges_state', sql`state IN ('planned', 'open', 'answered', 'judged', 'void')`),
    check(
      'challenges_issued',
      sql`state IN ('planned', 'void') OR (issued_at_ms IS NOT NULL AND deadline_at_ms > issued_at_ms AND message IS NOT NULL)`,
    ),
    check(
      'challenges_answered',
      sql`(proof_hash IS NULL) = (answered_at_ms IS NULL) AND (state <> 'answered' OR proof_hash IS NOT NULL)`,
    ),
    check(
      'challenges_judged',
      sql`(state = 'judged') = (outcome IS NOT NULL) AND (state = 'judged') = (verdict IS NOT NULL)`,
    ),
    check('challenges_void', sql`(state = 'void') = (void_reason IS NOT NULL)`),
    index('challenges_planned')
      .on(table.dueAtMs)
      .where(sql`state = 'planned'`),
    index('challenges_open')
      .on(table.deadlineAtMs)
      .where(sql`state IN ('open', 'answered')`),
    index('challenges_pending')
      .on(table.nodeNo, table.period)
      .where(sql`state IN ('planned', 'open', 'answered')`),
    index('challenges_of_period').on(table.period),
    index('challenges_with_frame')
      .on(table.frameUntilMs)
      .where(sql`frame_until_ms IS NOT NULL`),
  ],
);

/** Leaves that were asked for and never answered. Gone with the shard when its pack is dropped, not when it is lost. */
export const carriedLeaves = pgTable(
  'carried_leaves',
  {
    nodeNo: integer('node_no').notNull(),
    packNo: bigint('pack_no', { mode: 'number' }).notNull(),
    shardIndex: smallint('shard_index').notNull(),
    leafIndex: integer('leaf_index').notNull(),
    /** In which it was first asked for. */
    period: integer('period').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.packNo, table.shardIndex, table.leafIndex] }),
    foreignKey({
      columns: [table.packNo, table.shardIndex],
      foreignColumns: [shards.packNo, shards.shardIndex],
    }).onDelete('cascade'),
    index('carried_leaves_of_node').on(table.nodeNo, table.period),
  ],
);

/** What nodes signed about their losses. */
export const lossReports = pgTable(
  'loss_reports',
  {
    reportHash: hexBytes('report_hash').primaryKey(),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo),
    token: text('token').notNull(),
    receivedAtMs: safeInteger('received_at_ms').notNull(),
  },
  (table) => [index('loss_reports_of_node').on(table.nodeNo, table.receivedAtMs)],
);

/** Shards that a node reported lost when it had already been asked for them: the next verdict counts them. */
export const lateLosses = pgTable(
  'late_losses',
  {
    packNo: bigint('pack_no', { mode: 'number' })
      .notNull()
      .references(() => packs.packNo),
    shardIndex: smallint('shard_index').notNull(),
    nodeNo: integer('node_no').notNull(),
    reportHash: hexBytes('report_hash')
      .notNull()
      .references(() => lossReports.reportHash),
    /** The challenge whose verdict counts it; null until then. */
    challengeId: hexBytes('challenge_id').references(() => challenges.challengeId),
  },
  (table) => [
    primaryKey({ columns: [table.packNo, table.shardIndex] }),
    index('late_losses_of_node')
      .on(table.nodeNo)
      .where(sql`challenge_id IS NULL`),
    index('late_losses_of_challenge')
      .on(table.challengeId)
      .where(sql`challenge_id IS NOT NULL`),
  ],
);

/** What a node's past comes to (reputation/), and the state of its retrieval checks. */
export const nodeReputations = pgTable(
  'node_reputations',
  {
    nodeNo: integer('node_no')
      .primaryKey()
      .references(() => nodes.nodeNo, { onDelete: 'cascade' }),
    proofsGood: doublePrecision('proofs_good').notNull(),
    proofsBad: doublePrecision('proofs_bad').notNull(),
    availabilityGood: doublePrecision('availability_good').notNull(),
    availabilityBad: doublePrecision('availability_bad').notNull(),
    passedPeriods: integer('passed_periods').notNull(),
    failedPeriods: integer('failed_periods').notNull(),
    absentPeriods: integer('absent_periods').notNull(),
    /** The last one that was recorded: each once, in order. */
    lastPeriod: integer('last_period').notNull(),
    /** By the newest retrieval check. */
    isServing: boolean('is_serving').notNull().default(true),
    nextCheckAtMs: safeInteger('next_check_at_ms').notNull(),
    /** A leaf that it showed last, to compare with what a retrieval check reads. */
    probe: jsonb('probe').$type<RetrievalProbe>(),
  },
  (table) => [index('node_reputations_to_check').on(table.nextCheckAtMs)],
);

export interface RetrievalProbe {
  readonly clientId: string;
  readonly packId: string;
  readonly shardIndex: number;
  readonly lengthBytes: number;
  readonly leafIndex: number;
  /** SHA-256. */
  readonly leafHash: string;
}

export const retrievalChecks = pgTable(
  'retrieval_checks',
  {
    checkNo: bigint('check_no', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    nodeNo: integer('node_no')
      .notNull()
      .references(() => nodes.nodeNo, { onDelete: 'cascade' }),
    checkedAtMs: safeInteger('checked_at_ms').notNull(),
    clientId: hexBytes('client_id').notNull(),
    packId: hexBytes('pack_id').notNull(),
    shardIndex: smallint('shard_index').notNull(),
    fromByte: integer('from_byte').notNull(),
    lengthBytes: integer('length_bytes').notNull(),
    outcome: text('outcome', { enum: ['served', 'refused', 'unreachable', 'wrong'] }).notNull(),
    detail: text('detail').notNull(),
  },
  (table) => [
    check('retrieval_checks_outcome', sql`outcome IN ('served', 'refused', 'unreachable', 'wrong')`),
    index('retrieval_checks_of_node').on(table.nodeNo, table.checkedAtMs),
    index('retrieval_checks_by_time').on(table.checkedAtMs),
  ],
);

/** When a part of the mediator was last seen at work. */
export const aliveMarks = pgTable('alive_marks', {
  part: text('part', { enum: ['scheduler', 'link'] }).primaryKey(),
  seenAtMs: safeInteger('seen_at_ms').notNull(),
});

/** When a part of the mediator was not: nobody is blamed for what was not answered then. */
export const outages = pgTable(
  'outages',
  {
    part: text('part', { enum: ['scheduler', 'link'] }).notNull(),
    fromMs: safeInteger('from_ms').notNull(),
    untilMs: safeInteger('until_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.part, table.fromMs] }), index('outages_by_end').on(table.untilMs)],
);

/** What happened, for those whom it concerns. Read in the order of (made_in, event_no), up to what all can see. */
export const events = pgTable(
  'events',
  {
    eventNo: bigint('event_no', { mode: 'number' }).generatedAlwaysAsIdentity().primaryKey(),
    madeIn: transactionId('made_in')
      .notNull()
      .default(sql`pg_current_xact_id()`),
    kind: text('kind').notNull(),
    nodeId: hexBytes('node_id'),
    clientId: hexBytes('client_id'),
    /** What makes it be told only once; most need none. */
    onceKey: text('once_key').unique(),
    happenedAtMs: safeInteger('happened_at_ms').notNull(),
    data: jsonb('data').$type<Record<string, unknown>>().notNull(),
  },
  (table) => [index('events_in_order').on(table.madeIn, table.eventNo), index('events_by_time').on(table.happenedAtMs)],
);
