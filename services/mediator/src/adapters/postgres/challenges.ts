/** Challenges in Postgres. A challenge's row is locked from when it is taken until what follows from it is true. */
import {
  type FaultyShard,
  fromBase64Url,
  type Sample,
  shardKeyOf,
  type ShardRef,
  toBase64Url,
} from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import {
  type AnswerFacts,
  type ChallengeRules,
  type ChallengeStore,
  type Closing,
  type DueChallenge,
  type Issue,
  type IssueTimes,
  type StoredAnswer,
} from '../../challenges/index.ts';
import type { NodeStanding } from '../../nodes/index.ts';
import { newReputation, type Reputation } from '../../reputation/index.ts';
import { closePeriod, lostEvents, named, settleUpTo, shrinkBy } from './challenge-closing.ts';
import { createChallengeForgetting } from './challenge-forgetting.ts';
import { listAgreementLines, openNodeLine, shardLinesOf } from './challenge-lines.ts';
import { createChallengePeriods } from './challenge-periods.ts';
import { createChallengeReads } from './challenge-reads.ts';
import { createRetrievalStore } from './challenge-retrievals.ts';
import {
  aliveMarks,
  carriedLeaves,
  challenges,
  lateLosses,
  lossReports,
  nodeReputations,
  outages,
} from './challenge-schema.ts';
import { type Database, inTransaction, type Transaction } from './database.ts';
import { noteEvents } from './events.ts';
import type { Money } from './ledger.ts';
import { agreementSpans, ledgerNodes } from './ledger-schema.ts';
import { tellNodes } from './node-news.ts';
import { lockNodes, markLost } from './nodes.ts';
import { nodes, packs, shards } from './schema.ts';

export function createChallengeStore(database: Database, money: Money, rules: ChallengeRules): ChallengeStore {
  return {
    ...createChallengePeriods(database),
    ...createChallengeReads(database),
    ...createChallengeForgetting(database),
    ...createRetrievalStore(database),
    issueNext: (times, issue) => inTransaction(database, (tx) => issueNext(tx, money, times, issue)),
    storeAnswer: (challengeId, answer) => inTransaction(database, (tx) => storeAnswer(tx, challengeId, answer)),
    voidUnfair: (challengeId, nowMs) => inTransaction(database, (tx) => voidUnfair(tx, money, challengeId, nowMs)),
    judgeNext: (nowMs, judge) => inTransaction(database, (tx) => judgeNext(tx, money, rules, nowMs, judge)),
    voidUnasked: (beforePeriod, nowMs) => voidUnasked(database, money, beforePeriod, nowMs),
    reportLosses: (report, nowMs) => inTransaction(database, (tx) => takeLossReport(tx, money, report, nowMs)),
    noteAlive: (part, nowMs, outageMs) => inTransaction(database, (tx) => noteAlive(tx, part, nowMs, outageMs)),
  };
}

interface TakenRow extends Record<string, unknown> {
  challenge_id: Buffer;
  node_no: number;
  period: number;
}

/** What of the node goes into its next period. Its row is locked to the end of the transaction. */
async function lockNode(tx: Transaction, nodeNo: number) {
  await lockNodes(tx, [nodeNo]);
  const { rows } = await tx.execute<{
    node_id: string;
    state: NodeStanding;
    last_seen_at_ms: string;
    is_serving: boolean | null;
    proofs_good: number;
    proofs_bad: number;
    availability_good: number;
    availability_bad: number;
    passed_periods: number;
    failed_periods: number;
    absent_periods: number;
  }>(sql`
    SELECT encode(n.node_id, 'hex') AS node_id, n.state, n.last_seen_at_ms, r.*
    FROM ${nodes} n LEFT JOIN ${nodeReputations} r ON r.node_no = n.node_no WHERE n.node_no = ${nodeNo}`);
  const row = rows[0]!;
  const reputation: Reputation =
    row.is_serving === null
      ? newReputation()
      : {
          proofs: { good: row.proofs_good, bad: row.proofs_bad },
          availability: { good: row.availability_good, bad: row.availability_bad },
          passedPeriods: row.passed_periods,
          failedPeriods: row.failed_periods,
          absentPeriods: row.absent_periods,
        };
  return {
    nodeNo,
    nodeId: row.node_id,
    standing: row.state,
    lastSeenAtMs: Number(row.last_seen_at_ms),
    isServing: row.is_serving ?? true,
    reputation,
  };
}

async function issueNext(
  tx: Transaction,
  money: Money,
  { nowMs, offlineAfterMs }: IssueTimes,
  issue: (due: DueChallenge) => Promise<Issue>,
): Promise<boolean> {
  // One period of a node after the other: what the one before carries over has to be known.
  const { rows } = await tx.execute<TakenRow>(sql`
    SELECT c.challenge_id, c.node_no, c.period FROM ${challenges} c
    WHERE c.state = 'planned' AND c.due_at_ms <= ${nowMs} AND NOT EXISTS (
      SELECT FROM ${challenges} e
      WHERE e.node_no = c.node_no AND e.period < c.period AND e.state IN ('planned', 'open', 'answered'))
    ORDER BY c.due_at_ms LIMIT 1 FOR NO KEY UPDATE OF c SKIP LOCKED`);
  const [row] = rows;
  if (row === undefined) return false;
  const challengeId = row.challenge_id.toString('hex');
  const node = await lockNode(tx, row.node_no);
  const line = await openNodeLine(tx, row.node_no);
  const { agreements, lineNos } = await listAgreementLines(tx, row.node_no);
  const issued = await issue({
    challengeId,
    nodeId: node.nodeId,
    period: row.period,
    lineEpoch: line.epoch,
    lineLeaves: line.leaves,
    agreements: () => Promise.resolve(agreements),
    lines: shardLinesOf(tx, row.node_no, row.period, lineNos),
    carried: await listCarried(tx, row.node_no),
    standing: node.standing,
    reputation: node.reputation,
    isOnline: nowMs - node.lastSeenAtMs <= offlineAfterMs,
  });
  if (issued.kind === 'issued') {
    await storeIssued(tx, { challengeId, nodeId: node.nodeId, period: row.period }, issued);
  } else {
    const { period } = row;
    await closePeriod(tx, money, { ...node, challengeId, period, isAnswered: false }, issued.closing, nowMs);
  }
  return true;
}

/** As many as a challenge carries at most, and then some: the newest are left out. */
const MAX_CARRIED = 2048;

async function listCarried(tx: Transaction, nodeNo: number): Promise<Sample[]> {
  const { rows } = await tx.execute<{
    client_id: string;
    pack_id: string;
    shard_index: number;
    leaf_index: number;
    length_bytes: number;
  }>(sql`
    SELECT encode(p.client_id, 'hex') AS client_id, encode(p.pack_id, 'hex') AS pack_id, c.shard_index, c.leaf_index,
      p.shard_length_bytes AS length_bytes
    FROM ${carriedLeaves} c JOIN ${packs} p ON p.pack_no = c.pack_no
    WHERE c.node_no = ${nodeNo} ORDER BY c.period, c.pack_no, c.shard_index, c.leaf_index LIMIT ${MAX_CARRIED}`);
  return rows.map((row) => ({
    clientId: row.client_id,
    packId: row.pack_id,
    shardIndex: row.shard_index,
    lengthBytes: row.length_bytes,
    leafIndex: row.leaf_index,
    reason: 'carried',
  }));
}

async function storeIssued(
  tx: Transaction,
  about: { challengeId: string; nodeId: string; period: number },
  { token, issuedAtMs, deadlineAtMs, shardsAsked, samples }: Issue & { kind: 'issued' },
): Promise<void> {
  const distinct = distinctShards(samples);
  const { rows } = await tx.execute<{ place: string; pack_no: string; root: Buffer }>(sql`
    SELECT named.place, p.pack_no, s.root
    FROM ${namedInOrder(distinct)} JOIN ${packs} p ON p.client_id = named.client_id AND p.pack_id = named.pack_id
    JOIN ${shards} s ON s.pack_no = p.pack_no AND s.shard_index = named.shard_index
    ORDER BY named.place`);
  const message = fromBase64Url(token);
  const data = { challengeId: about.challengeId, period: about.period, leafCount: samples.length, deadlineAtMs };
  await tx.execute(sql`
    UPDATE ${challenges} SET state = 'open', issued_at_ms = ${issuedAtMs}, deadline_at_ms = ${deadlineAtMs},
      message = ${Buffer.from(message)}, shards_asked = ${shardsAsked},
      roots = ${Buffer.concat(rows.map(({ root }) => root))},
      asked_packs = ${sql.param(rows.map((row) => Number(row.pack_no)))}::bigint[],
      asked_indexes = ${sql.param(distinct.map(({ shardIndex }) => shardIndex))}::smallint[]
    WHERE challenge_id = ${Buffer.from(about.challengeId, 'hex')}`);
  await noteEvents(tx, [{ kind: 'challenge.issued', nodeId: about.nodeId, data }], issuedAtMs);
  tellNodes(tx, [about.nodeId]);
}

function distinctShards(samples: readonly Sample[]): ShardRef[] {
  const seen = new Map<string, ShardRef>();
  for (const { clientId, packId, shardIndex } of samples) {
    const shard = { clientId, packId, shardIndex };
    if (!seen.has(shardKeyOf(shard))) seen.set(shardKeyOf(shard), shard);
  }
  return [...seen.values()];
}

const namedInOrder = (list: readonly ShardRef[]) => sql`unnest(
  ${sql.param(list.map(({ clientId }) => Buffer.from(clientId, 'hex')))}::bytea[],
  ${sql.param(list.map(({ packId }) => Buffer.from(packId, 'hex')))}::bytea[],
  ${sql.param(list.map(({ shardIndex }) => shardIndex))}::int[]
) WITH ORDINALITY AS named(client_id, pack_id, shard_index, place)`;

async function storeAnswer(tx: Transaction, challengeId: string, answer: StoredAnswer): Promise<boolean> {
  const { proofHash, faults, answeredAtMs, probe } = answer;
  const { rows } = await tx.execute<{ node_no: number }>(sql`
    UPDATE ${challenges} SET state = 'answered', proof_hash = ${Buffer.from(proofHash, 'hex')},
      answered_at_ms = ${answeredAtMs}, answer_faults = ${JSON.stringify(faults)}::jsonb
    WHERE challenge_id = ${Buffer.from(challengeId, 'hex')} AND state = 'open' AND deadline_at_ms >= ${answeredAtMs}
    RETURNING node_no`);
  const [row] = rows;
  if (row === undefined) return false;
  if (probe !== undefined) {
    await tx.execute(sql`
      UPDATE ${nodeReputations} SET probe = ${JSON.stringify(probe)}::jsonb WHERE node_no = ${row.node_no}`);
  }
  return true;
}

interface JudgedRow extends TakenRow {
  state: 'open' | 'answered';
  message: Buffer;
  shards_asked: number;
  issued_at_ms: string;
  deadline_at_ms: string;
  proof_hash: Buffer | null;
  answer_faults: FaultyShard[] | null;
}

async function judgeNext(
  tx: Transaction,
  money: Money,
  rules: ChallengeRules,
  nowMs: number,
  judge: (facts: AnswerFacts) => Closing,
): Promise<boolean> {
  const { rows } = await tx.execute<JudgedRow>(sql`
    SELECT * FROM ${challenges}
    WHERE state IN ('open', 'answered') AND (state = 'answered' OR deadline_at_ms < ${nowMs - rules.verifyMs})
    ORDER BY deadline_at_ms LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED`);
  const [row] = rows;
  if (row === undefined) return false;
  const challengeId = row.challenge_id.toString('hex');
  const node = await lockNode(tx, row.node_no);
  const answer = row.proof_hash && { proofHash: row.proof_hash.toString('hex'), faults: row.answer_faults ?? [] };
  const reportedLate = await listLate(tx, row.node_no);
  const closing = judge({
    challengeId,
    nodeId: node.nodeId,
    period: row.period,
    challenge: toBase64Url(row.message),
    shardsAsked: row.shards_asked,
    ...(answer && { answer }),
    reportedLate,
    dropped: await findDropped(tx, [...(answer?.faults ?? []), ...reportedLate]),
    hadOutage: await hadOutage(tx, rules, Number(row.issued_at_ms), Number(row.deadline_at_ms)),
    standing: node.standing,
    reputation: node.reputation,
    isServing: node.isServing,
  });
  await closePeriod(
    tx,
    money,
    { ...node, challengeId, period: row.period, isAnswered: answer !== null },
    closing,
    nowMs,
  );
  return true;
}

async function listLate(tx: Transaction, nodeNo: number): Promise<ShardRef[]> {
  const { rows } = await tx.execute<{ client_id: string; pack_id: string; shard_index: number }>(sql`
    SELECT encode(p.client_id, 'hex') AS client_id, encode(p.pack_id, 'hex') AS pack_id, l.shard_index
    FROM ${lateLosses} l JOIN ${packs} p ON p.pack_no = l.pack_no
    WHERE l.node_no = ${nodeNo} AND l.challenge_id IS NULL`);
  return rows.map((row) => ({ clientId: row.client_id, packId: row.pack_id, shardIndex: row.shard_index }));
}

/** Those that their clients dropped: the shards are gone, their packs are tombstones. */
async function findDropped(tx: Transaction, list: readonly ShardRef[]): Promise<Set<string>> {
  if (list.length === 0) return new Set();
  const { rows } = await tx.execute<{ client_id: string; pack_id: string; shard_index: number }>(sql`
    SELECT encode(p.client_id, 'hex') AS client_id, encode(p.pack_id, 'hex') AS pack_id, named.shard_index
    FROM ${named(list)} JOIN ${packs} p ON p.client_id = named.client_id AND p.pack_id = named.pack_id
    WHERE p.is_dropped`);
  return new Set(
    rows.map((row) => shardKeyOf({ clientId: row.client_id, packId: row.pack_id, shardIndex: row.shard_index })),
  );
}

async function hadOutage(
  tx: Transaction,
  { outageMs }: ChallengeRules,
  fromMs: number,
  untilMs: number,
): Promise<boolean> {
  const { rows } = await tx.execute<{ had: boolean }>(sql`
    SELECT EXISTS (SELECT FROM ${outages} WHERE until_ms > ${fromMs} AND from_ms < ${untilMs})
      OR EXISTS (SELECT FROM ${aliveMarks} WHERE part = 'link' AND seen_at_ms < ${untilMs - outageMs}) AS had`);
  return rows[0]!.had;
}

async function voidUnfair(tx: Transaction, money: Money, challengeId: string, nowMs: number): Promise<void> {
  const { rows } = await tx.execute<TakenRow>(sql`
    SELECT challenge_id, node_no, period FROM ${challenges}
    WHERE challenge_id = ${Buffer.from(challengeId, 'hex')} AND state = 'open' FOR NO KEY UPDATE`);
  const [row] = rows;
  if (row === undefined) return;
  const node = await lockNode(tx, row.node_no);
  const closing: Closing = {
    voidReason: 'unfair',
    lost: [],
    settleAs: 'void',
    standing: node.standing,
    reasons: [],
    keepFrameMs: 0,
  };
  await closePeriod(tx, money, { ...node, challengeId, period: row.period, isAnswered: false }, closing, nowMs);
}

const NODES_AT_ONCE = 200;

async function voidUnasked(database: Database, money: Money, beforePeriod: number, nowMs: number): Promise<number> {
  const { rows } = await database.execute<{ node_no: number; node_id: string }>(sql`
    SELECT l.node_no, encode(n.node_id, 'hex') AS node_id
    FROM ${ledgerNodes} l JOIN ${nodes} n ON n.node_no = l.node_no
    WHERE l.last_settled_period < ${beforePeriod - 1}
      AND EXISTS (SELECT FROM ${agreementSpans} s WHERE s.node_no = l.node_no
        AND s.until_period > l.last_settled_period + 1 AND s.from_period < ${beforePeriod})
      AND NOT EXISTS (SELECT FROM ${challenges} c WHERE c.node_no = l.node_no AND c.period < ${beforePeriod}
        AND c.state IN ('planned', 'open', 'answered'))
    ORDER BY l.node_no LIMIT ${NODES_AT_ONCE}`);
  let count = 0;
  for (const { node_no: nodeNo, node_id: nodeId } of rows) {
    count += await inTransaction(database, async (tx) => {
      await lockNodes(tx, [nodeNo]);
      return settleUpTo(tx, money, { nodeNo, nodeId, period: beforePeriod - 1 }, 'void', nowMs);
    });
  }
  return count;
}

async function takeLossReport(
  tx: Transaction,
  money: Money,
  report: Parameters<ChallengeStore['reportLosses']>[0],
  nowMs: number,
): Promise<number> {
  const { nodeId, token, reportHash } = report;
  const { rows } = await tx.execute<{ node_no: number }>(sql`
    SELECT node_no FROM ${nodes} WHERE node_id = ${Buffer.from(nodeId, 'hex')} FOR NO KEY UPDATE`);
  const nodeNo = rows[0]?.node_no;
  if (nodeNo === undefined) return 0;
  const fresh = await tx
    .insert(lossReports)
    .values({ reportHash, nodeNo, token, receivedAtMs: nowMs })
    .onConflictDoNothing()
    .returning({ reportHash: lossReports.reportHash });
  if (fresh.length === 0) return 0;
  const lost = await markLost(tx, nodeId, report.shards, nowMs);
  if (lost.length > 0) {
    await tx.execute(sql`
      INSERT INTO ${lateLosses} (pack_no, shard_index, node_no, report_hash)
      SELECT lost.pack_no, lost.shard_index, ${nodeNo}, ${Buffer.from(reportHash, 'hex')}
      FROM unnest(
        ${sql.param(lost.map(({ packNo }) => packNo))}::bigint[],
        ${sql.param(lost.map(({ shardIndex }) => shardIndex))}::smallint[]
      ) AS lost(pack_no, shard_index)
      WHERE EXISTS (SELECT FROM ${carriedLeaves} c
          WHERE c.node_no = ${nodeNo} AND c.pack_no = lost.pack_no AND c.shard_index = lost.shard_index)
        OR EXISTS (SELECT FROM ${challenges} c, unnest(c.asked_packs, c.asked_indexes) AS asked(pack_no, shard_index)
          WHERE c.node_no = ${nodeNo} AND c.state IN ('open', 'answered')
            AND asked.pack_no = lost.pack_no AND asked.shard_index = lost.shard_index)
      ON CONFLICT DO NOTHING`);
  }
  await noteEvents(tx, lostEvents(nodeId, lost), nowMs);
  await shrinkBy(tx, money, nodeNo, lost, nowMs);
  return lost.length;
}

async function noteAlive(
  tx: Transaction,
  part: 'scheduler' | 'link',
  nowMs: number,
  outageMs: number,
): Promise<{ fromMs: number } | undefined> {
  const { rows } = await tx.execute<{ seen_at_ms: string }>(sql`
    SELECT seen_at_ms FROM ${aliveMarks} WHERE part = ${part} FOR UPDATE`);
  await tx
    .insert(aliveMarks)
    .values({ part, seenAtMs: nowMs })
    .onConflictDoUpdate({
      target: aliveMarks.part,
      set: { seenAtMs: sql`greatest(${aliveMarks.seenAtMs}, ${nowMs})` },
    });
  const fromMs = Number(rows[0]?.seen_at_ms ?? nowMs);
  if (nowMs - fromMs <= outageMs) return undefined;
  await tx.insert(outages).values({ part, fromMs, untilMs: nowMs }).onConflictDoNothing();
  return { fromMs };
}
