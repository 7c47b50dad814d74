/** Reading challenges, verdicts, evidence and reputations. */
import { toBase64Url } from '@holdfast/protocol';
import { sql } from 'drizzle-orm';
import type { ChallengeRecord, ChallengeStore } from '../../challenges/index.ts';
import type { NodeStanding } from '../../nodes/index.ts';
import { challengePeriods, challenges, lateLosses, lossReports, nodeReputations } from './challenge-schema.ts';
import { hexArray } from './columns.ts';
import type { Database } from './database.ts';
import { nodes, packs } from './schema.ts';

type Part = 'findAsked' | 'listOpen' | 'listVerdicts' | 'list' | 'findEvidence' | 'findCommits' | 'findReputation';

const bytes = (hex: string): Buffer => Buffer.from(hex, 'hex');
const nodeNoOf = (nodeId: string) => sql`(SELECT node_no FROM ${nodes} WHERE node_id = ${bytes(nodeId)})`;

export interface RecordRow extends Record<string, unknown> {
  challenge_id: string;
  node_id: string;
  period: number;
  state: ChallengeRecord['state'];
  outcome: NonNullable<ChallengeRecord['outcome']> | null;
  void_reason: NonNullable<ChallengeRecord['voidReason']> | null;
  issued_at_ms: string | null;
  deadline_at_ms: string | null;
  answered_at_ms: string | null;
  judged_at_ms: string | null;
  proof_hash: string | null;
  shards_asked: number;
  shards_lost: number;
  has_frame: boolean;
}

export const RECORD = sql`encode(c.challenge_id, 'hex') AS challenge_id, encode(n.node_id, 'hex') AS node_id, c.period, c.state,
  c.outcome, c.void_reason, c.issued_at_ms, c.deadline_at_ms, c.answered_at_ms, c.judged_at_ms,
  encode(c.proof_hash, 'hex') AS proof_hash, c.shards_asked, c.shards_lost,
  c.state = 'answered' OR c.frame_until_ms IS NOT NULL AS has_frame`;

export const toRecord = (row: RecordRow): ChallengeRecord => ({
  challengeId: row.challenge_id,
  nodeId: row.node_id,
  period: row.period,
  state: row.state,
  ...(row.outcome !== null && { outcome: row.outcome }),
  ...(row.void_reason !== null && { voidReason: row.void_reason }),
  ...(row.issued_at_ms !== null && { issuedAtMs: Number(row.issued_at_ms) }),
  ...(row.deadline_at_ms !== null && { deadlineAtMs: Number(row.deadline_at_ms) }),
  ...(row.answered_at_ms !== null && { answeredAtMs: Number(row.answered_at_ms) }),
  ...(row.judged_at_ms !== null && { judgedAtMs: Number(row.judged_at_ms) }),
  ...(row.proof_hash !== null && { proofHash: row.proof_hash }),
  shardsAsked: row.shards_asked,
  shardsLost: row.shards_lost,
  hasFrame: row.has_frame,
});

export function createChallengeReads(database: Database): Pick<ChallengeStore, Part> {
  return {
    async findAsked(nodeId, challengeId) {
      const { rows } = await database.execute<{
        state: ChallengeRecord['state'];
        message: Buffer | null;
        deadline_at_ms: string;
        proof_hash: Buffer | null;
        roots: Buffer | null;
      }>(sql`
        SELECT state, message, deadline_at_ms, proof_hash, roots FROM ${challenges}
        WHERE challenge_id = ${bytes(challengeId)} AND node_no = ${nodeNoOf(nodeId)}`);
      const [row] = rows;
      if (row === undefined || row.message === null) return undefined;
      return {
        challengeId,
        challenge: toBase64Url(row.message),
        deadlineAtMs: Number(row.deadline_at_ms),
        state: row.state === 'open' || row.state === 'answered' ? row.state : 'closed',
        ...(row.proof_hash && { proofHash: row.proof_hash.toString('hex') }),
        ...(row.roots && { roots: new Uint8Array(row.roots) }),
      };
    },
    async listOpen(nodeId, nowMs) {
      const { rows } = await database.execute<{ challenge_id: Buffer; message: Buffer }>(sql`
        SELECT challenge_id, message FROM ${challenges}
        WHERE node_no = ${nodeNoOf(nodeId)} AND state = 'open' AND deadline_at_ms >= ${nowMs} ORDER BY period`);
      return rows.map((row) => ({ challengeId: row.challenge_id.toString('hex'), token: toBase64Url(row.message) }));
    },
    async listVerdicts(nodeId, { afterMs, limit }) {
      const { rows } = await database.execute<{ challenge_id: Buffer; verdict: string; judged_at_ms: string }>(sql`
        SELECT challenge_id, verdict, judged_at_ms FROM (
          SELECT * FROM ${challenges} WHERE node_no = ${nodeNoOf(nodeId)} ORDER BY period DESC LIMIT ${2 * limit + 10}
        ) AS newest
        WHERE state = 'judged' AND judged_at_ms > ${afterMs} ORDER BY judged_at_ms, period LIMIT ${limit}`);
      return rows.map((row) => ({
        challengeId: row.challenge_id.toString('hex'),
        token: row.verdict,
        judgedAtMs: Number(row.judged_at_ms),
      }));
    },
    async list(nodeId, { beforePeriod, limit }) {
      const { rows } = await database.execute<RecordRow>(sql`
        SELECT ${RECORD} FROM ${challenges} c JOIN ${nodes} n ON n.node_no = c.node_no
        WHERE c.node_no = ${nodeNoOf(nodeId)} ${beforePeriod === undefined ? sql`` : sql`AND c.period < ${beforePeriod}`}
        ORDER BY c.period DESC LIMIT ${limit}`);
      return rows.map(toRecord);
    },
    findEvidence: (challengeId) => findEvidence(database, challengeId),
    async findCommits(list) {
      if (list.length === 0) return [];
      const { rows } = await database.execute<{ token: string }>(sql`
        SELECT p.commit_token AS token
        FROM unnest(
          ${hexArray(list.map(({ clientId }) => clientId))},
          ${hexArray(list.map(({ packId }) => packId))}
        ) AS named(client_id, pack_id)
        JOIN ${packs} p ON p.client_id = named.client_id AND p.pack_id = named.pack_id
        WHERE NOT p.is_dropped`);
      return rows.map(({ token }) => token);
    },
    async findReputation(nodeId) {
      const { rows } = await database.execute<typeof nodeReputations.$inferSelect & { standing: NodeStanding }>(sql`
        SELECT n.state AS standing, r.proofs_good AS "proofsGood", r.proofs_bad AS "proofsBad",
          r.availability_good AS "availabilityGood", r.availability_bad AS "availabilityBad",
          r.passed_periods AS "passedPeriods", r.failed_periods AS "failedPeriods",
          r.absent_periods AS "absentPeriods", r.last_period AS "lastPeriod", r.is_serving AS "isServing"
        FROM ${nodes} n JOIN ${nodeReputations} r ON r.node_no = n.node_no WHERE n.node_id = ${bytes(nodeId)}`);
      const [row] = rows;
      if (row === undefined) return undefined;
      const { standing, lastPeriod, isServing, passedPeriods, failedPeriods, absentPeriods } = row;
      const proofs = { good: row.proofsGood, bad: row.proofsBad };
      const availability = { good: row.availabilityGood, bad: row.availabilityBad };
      const reputation = { proofs, availability, passedPeriods, failedPeriods, absentPeriods };
      return { standing, lastPeriod, isServing, reputation };
    },
  };
}

async function findEvidence(database: Database, challengeId: string) {
  const { rows } = await database.execute<
    RecordRow & { message: Buffer | null; verdict: string | null; commitment: string; secret: string | null }
  >(sql`
    SELECT ${RECORD}, c.message, c.verdict, p.commitment, encode(p.secret, 'hex') AS secret
    FROM ${challenges} c JOIN ${nodes} n ON n.node_no = c.node_no JOIN ${challengePeriods} p ON p.period = c.period
    WHERE c.challenge_id = ${bytes(challengeId)}`);
  const [row] = rows;
  if (row === undefined) return undefined;
  const reports = await database.execute<{ token: string }>(sql`
    SELECT DISTINCT r.token FROM ${lateLosses} l JOIN ${lossReports} r ON r.report_hash = l.report_hash
    WHERE l.challenge_id = ${bytes(challengeId)}`);
  return {
    ...toRecord(row),
    ...(row.message && { challenge: toBase64Url(row.message) }),
    ...(row.verdict !== null && { verdict: row.verdict }),
    ...(row.secret !== null && { secret: row.secret }),
    commitment: row.commitment,
    lossReports: reports.rows.map(({ token }) => token),
  };
}
