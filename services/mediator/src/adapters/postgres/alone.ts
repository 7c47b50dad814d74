/** Locks of the database for work that one process does at a time; each goes with its connection, so nobody leaves one behind. */
import type { Database } from './database.ts';

/** Numbers that nobody else takes. */
export const LOCKS = {
  migrations: 4_839_201_773,
  payouts: 4_839_201_774,
  deposits: 4_839_201_775,
  reconciliation: 4_839_201_776,
} as const;

/** Undefined: it is done elsewhere just now. */
export async function runAlone<T>(
  database: Database,
  lock: keyof typeof LOCKS,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const client = await database.$client.connect();
  let mayHoldLock = true;
  try {
    const { rows } = await client.query<{ got: boolean }>('SELECT pg_try_advisory_lock($1) AS got', [LOCKS[lock]]);
    if (rows[0]?.got !== true) {
      mayHoldLock = false;
      return undefined;
    }
    try {
      return await work();
    } finally {
      // What the work failed with is not hidden by the connection's end.
      await client.query('SELECT pg_advisory_unlock($1)', [LOCKS[lock]]).then(
        () => (mayHoldLock = false),
        () => undefined,
      );
    }
  } finally {
    // A connection that may still hold the lock is not used again.
    client.release(mayHoldLock);
  }
}
