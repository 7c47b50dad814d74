/** Wires the listener for health, readiness and metrics. */
import { startOpsServer } from '@holdfast/http-api/server';
import type { Clock, Lifecycle, Logger, Metrics } from '@holdfast/platform';
import { type Database, pingDatabase } from './adapters/postgres/database.ts';
import { createHousekeeping } from './adapters/postgres/housekeeping.ts';
import type { Housekeeping } from './jobs/index.ts';
import { createPaymentGauges } from './compose-payment-gauges.ts';
import { createRailGauges } from './compose-rail.ts';
import type { MediatorOptions } from './options.ts';

interface OpsBase {
  readonly settings: Pick<MediatorOptions, 'opsListen' | 'rail'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
}

/** Resolves to where it listens; undefined when it is not wanted. */
export async function startOps(base: OpsBase, database: Database): Promise<string | undefined> {
  const { settings, clock, logger, lifecycle, metrics } = base;
  if (settings.opsListen === undefined) return undefined;
  const refreshRows = createGauges(metrics, createHousekeeping(database));
  const refreshRail = createRailGauges(metrics, settings.rail);
  const { rail } = settings;
  const refreshPayments = createPaymentGauges(metrics, { database, clock, ...(rail !== undefined && { rail }) });
  const refresh = (): Promise<unknown> => Promise.all([refreshRows(), refreshRail(), refreshPayments()]);
  const ops = await startOpsServer({
    listen: settings.opsListen,
    logger,
    metrics: { contentType: metrics.contentType, text: async () => (await refresh(), metrics.text()) },
    readiness: async () => {
      if (lifecycle.closing.aborted) return { ready: false, detail: 'stopping' };
      await pingDatabase(database);
      return { ready: true };
    },
  });
  lifecycle.onClose('ops listener', () => ops.close());
  return ops.url;
}

/** Counts are taken when somebody asks; while the database is away, the last ones stand. */
function createGauges(metrics: Metrics, housekeeping: Housekeeping): () => Promise<void> {
  const nodes = metrics.gauge('nodes', 'Registered nodes by state.', ['state']);
  const vaults = metrics.gauge('vaults', 'Vaults.');
  const packs = metrics.gauge('packs', 'Committed packs.');
  const stored = metrics.gauge('stored_bytes', 'Bytes of all committed shards.');
  const reserved = metrics.gauge('reserved_bytes', 'Bytes that open uploads may still write.');
  const orders = metrics.gauge('waiting_orders', 'Orders that nodes have not carried out yet.');
  const differences = metrics.gauge('open_differences', 'Differences of ledger and chain that no admin has resolved.');
  const balanced = metrics.gauge(
    'ledger_balanced_seconds',
    'When ledger and chain were last found to agree, since 1970.',
  );
  const isUp = metrics.gauge('database_up', '1 when the database answers.');
  return async () => {
    try {
      const count = await housekeeping.count();
      nodes.reset();
      for (const [state, number] of Object.entries(count.nodesByState)) nodes.set({ state }, number);
      vaults.set(count.vaults);
      packs.set(count.packs);
      stored.set(count.storedBytes);
      reserved.set(count.reservedBytes);
      orders.set(count.waitingOrders);
      differences.set(count.openDifferences);
      balanced.set(count.balancedAtMs / 1000);
      isUp.set(1);
    } catch {
      isUp.set(0);
    }
  };
}
