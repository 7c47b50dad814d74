/**
 * News for nodes between the processes of one database: NOTIFY after the commit that made them, LISTEN on a connection of
 * its own that comes back by itself. Not inside the transactions: a NOTIFY makes commits wait for each other.
 */
import type { Clock, Logger } from '@holdfast/platform';
import { sql } from 'drizzle-orm';
import pg from 'pg';
import type { ConnectedNode, NewsHandlers, NewsOfLink } from '../../link/index.ts';
import { hexArray } from './columns.ts';
import { afterCommit, type Database, type Transaction } from './database.ts';
import { nodeCertificates, nodes } from './schema.ts';

/** The payload is a node id. */
const NODE_CHANNEL = 'holdfast_node';
/** The payload is a node id and the time of its newest link. */
const LINK_CHANNEL = 'holdfast_link';

/** Tells all processes, once the transaction is committed, that something waits for these nodes (ids in hex). */
export function tellNodes(tx: Transaction, nodeIds: Iterable<string>): void {
  const ids = [...new Set(nodeIds)];
  if (ids.length === 0) return;
  afterCommit(tx, (database) => {
    // A loss is made good by the slow poll.
    database.$client
      .query('SELECT pg_notify($1, id) FROM unnest($2::text[]) AS id', [NODE_CHANNEL, ids])
      .catch(() => undefined);
  });
}

export interface NodeNewsOptions {
  readonly url: string;
  readonly database: Database;
  readonly logger: Logger;
  /** Of the machine. */
  readonly clock: Clock;
  /** Certificates live by the machine's clock. */
  readonly certificateNowMs: () => number;
}

export function createNodeNews(options: NodeNewsOptions): NewsOfLink {
  const { database } = options;
  return {
    listen: (handlers) => listen(options, handlers),
    async announce(nodeId, sinceMs) {
      await database.execute(sql`SELECT pg_notify(${LINK_CHANNEL}, ${`${nodeId} ${sinceMs}`})`);
    },
    look: (connected) => look(database, connected, options.certificateNowMs()),
  };
}

async function look(database: Database, connected: readonly ConnectedNode[], nowMs: number) {
  const { rows } = await database.execute<{ node_id: string; is_known: boolean; waits: boolean }>(sql`
    SELECT encode(link.node_id, 'hex') AS node_id,
      certificate.fingerprint IS NOT NULL AS is_known,
      coalesce(node.last_order > node.carried_out_order, false) AS waits
    FROM unnest(
      ${hexArray(connected.map(({ nodeId }) => nodeId))},
      ${hexArray(connected.map(({ fingerprint }) => fingerprint))}
    ) AS link(node_id, fingerprint)
    LEFT JOIN ${nodes} AS node ON node.node_id = link.node_id
    LEFT JOIN ${nodeCertificates} AS certificate ON certificate.fingerprint = link.fingerprint
      AND certificate.node_id = link.node_id AND certificate.revoked_at_ms IS NULL AND certificate.expires_at_ms > ${nowMs}`);
  return {
    waiting: rows.filter(({ waits, is_known }) => waits && is_known).map(({ node_id }) => node_id),
    revoked: rows.filter(({ is_known }) => !is_known).map(({ node_id }) => node_id),
  };
}

const FIRST_RETRY_MS = 200;
const LONGEST_RETRY_MS = 5_000;
const CHECK_MS = 15_000;

/** Listens until it is stopped, however often the connection breaks. */
function listen({ url, clock, logger }: NodeNewsOptions, handlers: NewsHandlers): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let failures = 0;
  const run = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      try {
        await listenOnce(url, clock, handlers, stopping.signal, () => {
          failures = 0;
          handlers.onGap();
        });
      } catch (error) {
        if (stopping.signal.aborted) return;
        // Not logged whole: it carries the connection.
        const detail = error instanceof Error ? error.message : 'unknown';
        logger.warn({ detail, failures }, 'the connection for news of nodes broke; the slow poll goes on meanwhile');
        const delayMs = Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10));
        failures += 1;
        await clock.sleep(delayMs, stopping.signal).catch(() => undefined);
      }
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Resolves when it is asked to stop. @throws Error when the connection breaks or does not answer any more */
async function listenOnce(
  url: string,
  clock: Clock,
  handlers: NewsHandlers,
  signal: AbortSignal,
  onListening: () => void,
): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'holdfast-mediator-news',
    connectionTimeoutMillis: 5_000,
    query_timeout: 10_000,
    keepAlive: true,
  });
  const broken = Promise.withResolvers<never>();
  broken.promise.catch(() => undefined);
  client.on('error', broken.reject);
  client.on('end', () => broken.reject(new Error('it was closed')));
  client.on('notification', ({ channel, payload = '' }) => {
    const [nodeId = '', sinceMs] = payload.split(' ', 2);
    if (channel === NODE_CHANNEL) handlers.onNews(nodeId);
    else if (channel === LINK_CHANNEL) handlers.onConnected(nodeId, Number(sinceMs));
  });
  try {
    await client.connect();
    await client.query(`LISTEN ${NODE_CHANNEL}`);
    await client.query(`LISTEN ${LINK_CHANNEL}`);
    onListening();
    while (!signal.aborted) {
      await Promise.race([clock.sleep(CHECK_MS, signal), broken.promise]).catch((error: unknown) => {
        if (!signal.aborted) throw error;
      });
      // A half-open connection says nothing by itself.
      if (!signal.aborted) await client.query('SELECT 1');
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}
