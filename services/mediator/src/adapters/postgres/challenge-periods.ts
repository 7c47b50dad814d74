/** Periods, their secrets and the plan of each in Postgres. */
import { and, asc, eq, gte, isNull, lt, sql } from 'drizzle-orm';
import type { ChallengeStore, PeriodRecord } from '../../challenges/index.ts';
import { challengePeriods, challenges, nodeLines } from './challenge-schema.ts';
import { type Database, inTransaction } from './database.ts';
import { nodes } from './schema.ts';

type Part = 'commitPeriods' | 'listPeriods' | 'nodesToPlan' | 'plan' | 'listToReveal' | 'reveal';

const toPeriod = ({ plannedAtMs, secret, ...row }: typeof challengePeriods.$inferSelect): PeriodRecord => ({
  ...row,
  isPlanned: plannedAtMs !== null,
  ...(secret !== null && { secret }),
});

const SECRETS_AT_ONCE = 200;

export function createChallengePeriods(database: Database): Pick<ChallengeStore, Part> {
  return {
    async commitPeriods(periods) {
      // Another process may have committed to the same period first: then its secret is the one.
      await database
        .insert(challengePeriods)
        .values([...periods])
        .onConflictDoNothing();
    },
    async listPeriods(from, until) {
      const rows = await database
        .select()
        .from(challengePeriods)
        .where(and(gte(challengePeriods.period, from), lt(challengePeriods.period, until)))
        .orderBy(asc(challengePeriods.period));
      return rows.map(toPeriod);
    },
    nodesToPlan: () =>
      database
        .select({ nodeNo: nodes.nodeNo, nodeId: nodes.nodeId })
        .from(nodes)
        .innerJoin(nodeLines, eq(nodeLines.nodeNo, nodes.nodeNo))
        .orderBy(asc(nodes.nodeNo)),
    plan: (period, planned, nowMs) =>
      inTransaction(database, async (tx) => {
        const taken = await tx
          .update(challengePeriods)
          .set({ plannedAtMs: nowMs })
          .where(and(eq(challengePeriods.period, period), isNull(challengePeriods.plannedAtMs)))
          .returning({ period: challengePeriods.period });
        if (taken.length === 0 || planned.length === 0) return;
        await tx.execute(sql`
          INSERT INTO ${challenges} (challenge_id, node_no, period, state, due_at_ms)
          SELECT one.challenge_id, one.node_no, ${period}, 'planned', one.due_at_ms
          FROM unnest(
            ${sql.param(planned.map(({ challengeId }) => Buffer.from(challengeId, 'hex')))}::bytea[],
            ${sql.param(planned.map(({ nodeNo }) => nodeNo))}::int[],
            ${sql.param(planned.map(({ dueAtMs }) => dueAtMs))}::bigint[]
          ) AS one(challenge_id, node_no, due_at_ms)
          ON CONFLICT DO NOTHING`);
      }),
    async listToReveal(beforePeriod) {
      const rows = await database
        .select()
        .from(challengePeriods)
        .where(
          and(
            lt(challengePeriods.period, beforePeriod),
            isNull(challengePeriods.secret),
            sql`NOT EXISTS (SELECT FROM ${challenges} c
              WHERE c.period = ${challengePeriods.period} AND c.state IN ('planned', 'open', 'answered'))`,
          ),
        )
        .orderBy(asc(challengePeriods.period))
        .limit(SECRETS_AT_ONCE);
      return rows.map(toPeriod);
    },
    async reveal(period, secret) {
      await database.update(challengePeriods).set({ secret }).where(eq(challengePeriods.period, period));
    },
  };
}
