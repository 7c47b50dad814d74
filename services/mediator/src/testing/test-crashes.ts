/** For tests: a database whose connection dies, for real, before a chosen statement. */
import type { Database } from '../adapters/postgres/database.ts';

export interface Crashes {
  /** The connection that sends the next statement but `after` is ended by the server before it gets there. */
  arm(after: number): void;
  /** Whether it came to that; nothing is armed afterwards. */
  disarm(): boolean;
}

interface Client {
  query(...args: unknown[]): unknown;
  processID?: number;
  release(error?: unknown): void;
}

/** Statements of transactions only: those that run by themselves are atomic anyway. */
export function addCrashes(database: Database): Crashes {
  let left = -1;
  let hasCrashed = false;
  const pool = database.$client as unknown as { connect(callback?: unknown): Promise<Client> };
  const connect = pool.connect.bind(pool);
  const wrapped = new WeakSet<Client>();
  pool.connect = async (callback) => {
    // The pool's own way to send a single statement.
    if (callback !== undefined) return connect(callback);
    const client = await connect();
    if (wrapped.has(client)) return client;
    wrapped.add(client);
    const query = client.query.bind(client);
    client.query = (...args: unknown[]) => {
      if (left < 0 || left-- > 0) return query(...args);
      hasCrashed = true;
      return kill(client).then(() => query(...args));
    };
    return client;
  };
  const kill = async (client: Client): Promise<void> => {
    const other = await connect();
    try {
      await other.query('SELECT pg_terminate_backend($1, 5000)', [client.processID]);
    } finally {
      other.release();
    }
  };
  return {
    arm(after) {
      left = after;
      hasCrashed = false;
    },
    disarm() {
      left = -1;
      return hasCrashed;
    },
  };
}
