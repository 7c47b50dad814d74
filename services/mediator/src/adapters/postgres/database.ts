/** The connection pool, transactions that survive a deadlock, and the database's own errors in the catalogue's words. */
import { fail, type HoldfastError } from '@holdfast/protocol';
import type { Logger } from '@holdfast/platform';
import { DrizzleQueryError, sql } from 'drizzle-orm';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import pg from 'pg';

export type Database = NodePgDatabase & { readonly $client: pg.Pool };
export type Transaction = Parameters<Parameters<NodePgDatabase['transaction']>[0]>[0];

export interface DatabaseOptions {
  readonly url: string;
  readonly logger: Logger;
  /** Default 20. */
  readonly maxConnections?: number;
}

export function openDatabase(options: DatabaseOptions): Database {
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.maxConnections ?? 20,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'holdfast-mediator',
    statement_timeout: 30_000,
    query_timeout: 35_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  // A connection that breaks is replaced at the next query. Without listeners it would end the process: while it is
  // idle as the pool's error, between two queries of a transaction as its own. Not logged whole: it carries the connection.
  const onError = (error: Error): void =>
    options.logger.warn({ code: databaseCode(error), detail: error.message }, 'a database connection broke');
  pool.on('error', onError);
  pool.on('connect', (client) => void client.on('error', () => undefined));
  return drizzle({ client: pool });
}

/** @throws whatever the driver throws when the database does not answer. */
export async function pingDatabase(database: Database): Promise<void> {
  await database.execute(sql`SELECT 1`);
}

/** Serialization failure, deadlock, and a unique row that another transaction inserted first: seen by the next try. */
const RETRIED = new Set(['40001', '40P01', '23505']);
const MAX_TRIES = 4;

/** What is to be done when a transaction has been committed. */
const afterwards = new WeakMap<Transaction, ((database: Database) => void)[]>();

/** Runs the work once this transaction (of `inTransaction`) is committed. It must not throw; a crash may prevent it. */
export function afterCommit(tx: Transaction, work: (database: Database) => void): void {
  afterwards.set(tx, [...(afterwards.get(tx) ?? []), work]);
}

/** A transaction that is begun again when the database broke it up for the sake of another one. */
export async function inTransaction<T>(database: Database, run: (tx: Transaction) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      let used: Transaction | undefined;
      const outcome = await transact(database, (tx) => {
        used = tx;
        return run(tx);
      });
      for (const work of (used && afterwards.get(used)) ?? []) work(database);
      return outcome;
    } catch (error) {
      const code = databaseCode(error);
      if (tries === MAX_TRIES || code === undefined || !RETRIED.has(code)) throw error;
    }
  }
}

/** Unlike `database.transaction`, gives the connection back also when it breaks at `BEGIN`: else each outage would cost a place in the pool. */
async function transact<T>(database: Database, run: (tx: Transaction) => Promise<T>): Promise<T> {
  const client = await database.$client.connect();
  let isBroken = false;
  try {
    return await drizzle({ client }).transaction(run);
  } catch (error) {
    isBroken = translateDatabaseError(error) !== undefined;
    throw error;
  } finally {
    client.release(isBroken);
  }
}

/** The SQLSTATE or system code behind an error of drizzle or the driver. */
function databaseCode(error: unknown): string | undefined {
  return causes(error).find(({ code }) => code !== '')?.code;
}

/** The error and what caused it, outermost first. */
function causes(error: unknown): { code: string; text: string }[] {
  const chain: { code: string; text: string }[] = [];
  for (let at = error; typeof at === 'object' && at !== null && chain.length < 4;) {
    const { code, message, cause } = at as { code?: unknown; message?: unknown; cause?: unknown };
    chain.push({ code: typeof code === 'string' ? code : '', text: typeof message === 'string' ? message : '' });
    at = cause;
  }
  return chain;
}

const UNAVAILABLE_CODE =
  /^(?:08...|57P0[1-5]|53300|57014|25P03|ECONN\w+|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH)$/;
const UNAVAILABLE_TEXT =
  /Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Query read timeout|not queryable|Cannot use a pool after calling end/i;

/** `database.unavailable` for what says that the database is away; undefined for every other error. */
export function translateDatabaseError(error: unknown): HoldfastError | undefined {
  const isAway = causes(error).some(({ code, text }) => UNAVAILABLE_CODE.test(code) || UNAVAILABLE_TEXT.test(text));
  return isAway ? fail('database.unavailable', {}, error) : undefined;
}

const MAX_LOGGED_QUERY = 300;

/** The error without a query's parameters, which may be large, and are nobody's business. */
export function withoutParameters(error: unknown): unknown {
  if (!(error instanceof DrizzleQueryError)) return error;
  return { message: `Failed query: ${error.query.slice(0, MAX_LOGGED_QUERY)}`, cause: error.cause };
}
