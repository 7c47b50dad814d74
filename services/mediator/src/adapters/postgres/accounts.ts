/** Accounts, sessions and used nonces in Postgres. */
import { and, eq, inArray, lte, sql } from 'drizzle-orm';
import type { AccountStore } from '../../accounts/index.ts';
import { type Database, inTransaction } from './database.ts';
import { accounts, sessions, usedNonces } from './schema.ts';

export function createAccountStore(database: Database): AccountStore {
  return {
    openSession: (session, maxSessions) =>
      inTransaction(database, async (tx) => {
        const used = await tx
          .insert(usedNonces)
          .values({ nonceHash: session.nonceHash, expiresAtMs: session.nonceExpiresAtMs })
          .onConflictDoNothing()
          .returning({ nonceHash: usedNonces.nonceHash });
        if (used.length === 0) return false;
        const { publicKey, createdAtMs } = session;
        await tx
          .insert(accounts)
          .values({ publicKey, createdAtMs, lastSignInAtMs: createdAtMs })
          .onConflictDoUpdate({ target: accounts.publicKey, set: { lastSignInAtMs: createdAtMs } });
        await tx.insert(sessions).values({
          tokenHash: session.tokenHash,
          publicKey,
          role: session.role,
          createdAtMs,
          expiresAtMs: session.expiresAtMs,
        });
        const surplus = tx
          .select({ tokenHash: sessions.tokenHash })
          .from(sessions)
          .where(eq(sessions.publicKey, publicKey))
          .orderBy(sql`${sessions.createdAtMs} DESC, ${sessions.tokenHash}`)
          .offset(maxSessions);
        await tx.delete(sessions).where(and(eq(sessions.publicKey, publicKey), inArray(sessions.tokenHash, surplus)));
        return true;
      }),
    async findSession(tokenHash) {
      const [row] = await database
        .select({ publicKey: sessions.publicKey, role: sessions.role, expiresAtMs: sessions.expiresAtMs })
        .from(sessions)
        .where(eq(sessions.tokenHash, tokenHash));
      return row;
    },
    async endSession(tokenHash) {
      await database.delete(sessions).where(eq(sessions.tokenHash, tokenHash));
    },
    async forgetExpired(nowMs) {
      await database.delete(usedNonces).where(lte(usedNonces.expiresAtMs, nowMs));
      const ended = await database.delete(sessions).where(lte(sessions.expiresAtMs, nowMs));
      return ended.rowCount ?? 0;
    },
  };
}
