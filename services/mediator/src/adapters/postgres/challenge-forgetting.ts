/** What is not kept for good: frames, events, retrieval checks. */
import { sql } from 'drizzle-orm';
import type { ChallengeStore } from '../../challenges/index.ts';
import { challenges, events, retrievalChecks } from './challenge-schema.ts';
import { hexArray } from './columns.ts';
import type { Database } from './database.ts';

type Part = 'listFramesToForget' | 'forgetFrames' | 'forgetNews';

export function createChallengeForgetting(database: Database): Pick<ChallengeStore, Part> {
  return {
    async listFramesToForget(nowMs, limit) {
      const { rows } = await database.execute<{ challenge_id: Buffer; period: number }>(sql`
        SELECT challenge_id, period FROM ${challenges} WHERE frame_until_ms < ${nowMs}
        ORDER BY frame_until_ms LIMIT ${limit}`);
      return rows.map((row) => ({ challengeId: row.challenge_id.toString('hex'), period: row.period }));
    },
    async forgetFrames(challengeIds) {
      if (challengeIds.length === 0) return;
      await database.execute(sql`
        UPDATE ${challenges} SET frame_until_ms = NULL
        WHERE challenge_id = ANY(${hexArray(challengeIds)})`);
    },
    async forgetNews(beforeMs) {
      // What makes a warning be given only once stays: it is small.
      const old = await database.execute(sql`
        DELETE FROM ${events} WHERE happened_at_ms < ${beforeMs} AND once_key IS NULL`);
      const checks = await database.execute(sql`DELETE FROM ${retrievalChecks} WHERE checked_at_ms < ${beforeMs}`);
      return (old.rowCount ?? 0) + (checks.rowCount ?? 0);
    },
  };
}
