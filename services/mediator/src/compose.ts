/** Wires a mediator together: keys, database, domains, HTTPS, jobs. What starts here stops in reverse order. */
import {
  certificateFingerprint,
  createLifecycle,
  createLogger,
  createMetrics,
  type Lifecycle,
  type Logger,
  startEmbeddedPostgres,
  systemClock,
  systemRandomness,
} from '@holdfast/platform';
import { formatMediatorAddress, msat, toHex } from '@holdfast/protocol';
import { join } from 'node:path';
import { type Accounts, type AccountStore, createAccounts } from './accounts/index.ts';
import { inForce, type MandateStore } from './agreements/index.ts';
import { type MediatorKeys, openKeyFiles } from './adapters/key-files.ts';
import { createProbe, resolveHost } from './adapters/node-probe.ts';
import { createAccountStore } from './adapters/postgres/accounts.ts';
import { createAgreementStore } from './adapters/postgres/agreements.ts';
import { createMandateStore } from './adapters/postgres/agreements-mandates.ts';
import { type Database, openDatabase, translateDatabaseError } from './adapters/postgres/database.ts';
import { createHousekeeping } from './adapters/postgres/housekeeping.ts';
import { claimDatabase } from './adapters/postgres/identity.ts';
import { createLedgerStore, type Money, openMoney } from './adapters/postgres/ledger.ts';
import { migrateDatabase } from './adapters/postgres/migrate.ts';
import { createNodeStore } from './adapters/postgres/nodes.ts';
import { createOfferSource } from './adapters/postgres/offers.ts';
import { createOverviewStore } from './adapters/postgres/overview.ts';
import { createPackStore } from './adapters/postgres/packs.ts';
import { createSettlementStore } from './adapters/postgres/settlement.ts';
import { createUploadStore } from './adapters/postgres/uploads.ts';
import { createHeadStore, createVaultStore } from './adapters/postgres/vaults.ts';
import type { Challenges } from './challenges/index.ts';
import type { Base, Settings } from './compose-base.ts';
import { createBell, createWorks, keepLinkAlive, startWorks, wireChallenges } from './compose-challenges.ts';
import { startLinks } from './compose-links.ts';
import { startOps } from './compose-ops.ts';
import { type Payments, wirePayments } from './compose-payments.ts';
import { openRail } from './compose-rail.ts';
import { wireAudit } from './compose-reconciliation.ts';
import { createServer } from './compose-server.ts';
import { createMaskKeySeal, type MandatedTerms, type VaultName } from './custody/index.ts';
import type { HandlerOptions } from './http/handlers.ts';
import { runAll, runHousekeeping } from './jobs/index.ts';
import { type Credit, creditClient, type LedgerStore, moneyRules } from './ledger/index.ts';
import { createOfferBook, type MarketRules } from './market/index.ts';
import { parseHostPort } from './nodes/index.ts';
import { DEFAULTS, type MediatorOptions } from './options.ts';
import type { Audit } from './reconciliation/index.ts';
import { VERSION } from './version.ts';

export interface Mediator {
  /** `holdfast://host:port#fingerprint` */
  readonly address: string;
  readonly baseUrl: string;
  /** Of the ops listener, if there is one. */
  readonly opsUrl?: string;
  readonly mediatorId: string;
  readonly caPem: string;
  readonly databaseUrl: string;
  /** Credits a client in this process, where an admin does it over HTTP. False when that reference was booked before. */
  credit(credit: Credit): Promise<boolean>;
  /** Everything that happens by the clock, once, at its present time; it also runs by itself. */
  runJobs(): Promise<void>;
  /** Answers what is under way, then stops everything. */
  stop(): Promise<void>;
}

/** @throws PlatformError when keys, database or port cannot be had; everything that was started is stopped then */
export async function startMediator(options: MediatorOptions): Promise<Mediator> {
  const logger = options.logger ?? createLogger({ service: 'mediator' });
  const lifecycle = createLifecycle({ logger });
  try {
    return await start(options, logger, lifecycle);
  } catch (error) {
    await lifecycle.close('the start failed');
    throw error;
  }
}

/** Does a share of what happens by the clock, and nothing else: no API, no links. */
export type MediatorWorker = Pick<Mediator, 'runJobs' | 'stop'>;

/**
 * Any number of them stand beside the mediators of one database. They share the mediator's data directory: its keys, and
 * the proofs that were taken.
 * @throws PlatformError see startMediator
 */
export async function startWorker(
  options: MediatorOptions & { readonly databaseUrl: string },
): Promise<MediatorWorker> {
  const logger = options.logger ?? createLogger({ service: 'mediator-worker' });
  const lifecycle = createLifecycle({ logger });
  try {
    const base = await prepare(options, logger, lifecycle);
    const core = await startCore(base);
    await core.startWorks();
    logger.info({ mediatorId: base.keys.mediatorId }, 'the worker is ready');
    return { runJobs: core.runJobs, stop: () => stop(lifecycle) };
  } catch (error) {
    await lifecycle.close('the start failed');
    throw error;
  }
}

const stop = async (lifecycle: Lifecycle): Promise<void> => {
  await lifecycle.close('asked to');
};

async function prepare(options: MediatorOptions, logger: Logger, lifecycle: Lifecycle): Promise<Base> {
  const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
  const settings = { ...DEFAULTS, ...given } as Settings;
  const clock = options.clock ?? systemClock;
  const randomness = options.randomness ?? systemRandomness;
  // TLS compares certificates with the machine's clock, also where `clock` is simulated.
  const keys = await openKeyFiles(settings.dataDir, systemClock, systemRandomness);
  const context = { network: settings.network, mediatorId: keys.mediatorId };
  const metrics = createMetrics('holdfast_mediator_', { processMetrics: settings.processMetrics ?? true });
  lifecycle.onClose('metrics', () => metrics.close());
  const rail = openRail({ settings, logger, lifecycle });
  return {
    settings: { ...settings, ...(rail !== undefined && { rail }) },
    logger,
    clock,
    randomness,
    lifecycle,
    metrics,
    keys,
    context,
  };
}

/** What mediator and worker have in common: the database, the domains, the works. */
async function startCore(base: Base) {
  const { database, databaseUrl, money } = await startDatabase(base);
  const opsUrl = await startOps(base, database);
  const bell = createBell();
  const challenges = wireChallenges(base, database, money, bell);
  const payments = await wirePayments(base, database, money, bell);
  const { audit, work: reconciliation } = wireAudit(base, database, money, payments);
  const { handlerOptions, housekeeping } = wire(base, database, money, { challenges, payments, audit });
  const works = createWorks(base, database, money, {
    challenges,
    housekeeping,
    payments: { ...payments.works, reconciliation },
  });
  return {
    database,
    databaseUrl,
    money,
    opsUrl,
    challenges,
    handlerOptions,
    runJobs: () =>
      runAll(works).catch((error: unknown) => {
        throw translateDatabaseError(error) ?? error;
      }),
    async startWorks() {
      const scheduling = await startWorks(base, databaseUrl, works, bell);
      base.lifecycle.onClose('works', () => scheduling.stop());
    },
  };
}

async function start(options: MediatorOptions, logger: Logger, lifecycle: Lifecycle): Promise<Mediator> {
  const base = await prepare(options, logger, lifecycle);
  const { settings, keys } = base;
  const core = await startCore(base);
  const { database, databaseUrl, money, opsUrl, challenges, handlerOptions } = core;
  const links = startLinks(base, database, databaseUrl, handlerOptions, challenges);
  // The server closes them first; this is for a start that fails.
  lifecycle.onClose('links', () => links.close());
  const app = await createServer(base, handlerOptions, links);
  lifecycle.onClose('https server', () => app.close());
  await app.listen({ ...settings.listen, listenTextResolver: (address) => address });
  const { port } = app.server.address() as { port: number };
  const beat = keepLinkAlive(base, challenges, money.rules.periodMs);
  lifecycle.onClose('sign of life', () => beat.stop());
  await core.startWorks();

  const { address, baseUrl } = addresses(settings, port, keys);
  if (settings.subnetRule === 'local') {
    logger.warn('the subnet rule is "local": for one loopback or compose network only, public addresses are refused');
  }
  logger.info({ address, mediatorId: keys.mediatorId, network: settings.network }, 'the mediator is ready');
  return {
    address,
    baseUrl,
    ...(opsUrl !== undefined && { opsUrl }),
    mediatorId: keys.mediatorId,
    caPem: keys.authority.certPem,
    databaseUrl,
    credit: (credit) => creditClient(handlerOptions, credit),
    runJobs: core.runJobs,
    stop: () => stop(lifecycle),
  };
}

async function startDatabase(base: Base): Promise<{ database: Database; databaseUrl: string; money: Money }> {
  const { settings, logger, lifecycle } = base;
  let databaseUrl = settings.databaseUrl;
  if (databaseUrl === undefined) {
    const server = await startEmbeddedPostgres({
      dataDir: join(settings.dataDir, 'postgres'),
      logger,
      durability: settings.databaseDurability ?? 'full',
      ...(settings.unreachableData !== undefined && { unreachableData: settings.unreachableData }),
    });
    lifecycle.onClose('embedded Postgres', () => server.stop());
    databaseUrl = server.url;
  }
  await migrateDatabase(databaseUrl);
  const database = openDatabase({ url: databaseUrl, logger });
  lifecycle.onClose('database connections', () => database.$client.end());
  await claimDatabase(database, base.context, base.keys.maskKey);
  const money = await openMoney(database, moneyRules(settings.periodMs, settings.money));
  return { database, databaseUrl, money };
}

async function findMandatedTerms(mandates: MandateStore, name: VaultName): Promise<MandatedTerms | undefined> {
  const mandate = await mandates.find(name);
  if (mandate === undefined) return undefined;
  const { maxPriceSatPerTbMonth, regions, avoidOperators } = mandate;
  return { maxPriceSatPerTbMonth, regions, avoidOperators };
}

function wire(
  base: Base,
  database: Database,
  money: Money,
  { challenges, payments, audit }: { challenges: Challenges; payments: Payments; audit: Audit },
): { handlerOptions: HandlerOptions; housekeeping: () => Promise<void> } {
  const { settings, clock, randomness, keys, context, logger } = base;
  const { offlineAfterMs, commitGraceMs, uncommittedGraceMs } = settings;
  const accountStore = createAccountStore(database);
  const nodes = createNodeStore(database);
  const vaults = createVaultStore(database);
  const uploads = createUploadStore(database, money);
  const mandates = createMandateStore(database);
  const book = createOfferBook(createOfferSource(database), clock);
  const rules = (): MarketRules => ({
    onePerSubnet: settings.subnetRule === 'public',
    nowMs: clock.nowMs(),
    offlineAfterMs,
  });
  const signer = { context, key: keys.signingKey };
  const ledger = createLedgerStore(database);
  const { mediatorId, authority } = keys;
  const { subnetRule, network } = settings;
  const handlerOptions: HandlerOptions = {
    about: { mediatorId, network, caPem: authority.certPem, version: VERSION, subnetRule },
    clock,
    offlineAfterMs,
    accounts: wireAccounts(base, accountStore, ledger),
    nodes,
    book,
    rules,
    registration: { store: nodes, context, authority, subnetRule, clock, certificateClock: systemClock, randomness },
    reachability: {
      store: nodes,
      probe: createProbe({ caPem: authority.certPem, mediatorId }),
      resolve: resolveHost,
      subnetRule,
    },
    vaults: { store: vaults, book, rules, findMandatedTerms: (name) => findMandatedTerms(mandates, name), clock },
    uploads: {
      vaults,
      uploads,
      mandatedTerms: async (name) => inForce(await mandates.find(name), name.vaultId, clock.nowMs()),
      book,
      rules,
      signer,
      clock,
      randomness,
      uploadTtlMs: settings.uploadTtlMs,
      maxOpenUploads: settings.maxOpenUploads,
    },
    packs: {
      vaults,
      packs: createPackStore(database, money),
      signer,
      maskKeys: createMaskKeySeal(keys.maskKey, randomness),
      clock,
      commitGraceMs,
      getGrantTtlMs: settings.getGrantTtlMs,
      offlineAfterMs,
    },
    heads: { vaults, heads: createHeadStore(database), context, clock },
    mandates: { vaults, mandates, context, clock },
    agreements: createAgreementStore(database, money),
    ledger,
    moneyRules: money.rules,
    settlements: createSettlementStore(database, money),
    challenges,
    depositRows: payments.depositRows,
    payouts: payments.payouts,
    audit,
    ...(payments.deposits !== undefined && { deposits: payments.deposits }),
    overview: createOverviewStore(database),
  };
  const housekeeping = (): Promise<void> =>
    runHousekeeping({
      accounts: accountStore,
      uploads,
      housekeeping: createHousekeeping(database),
      book,
      clock,
      logger,
      commitGraceMs,
      uncommittedGraceMs,
    });
  return { handlerOptions, housekeeping };
}

function wireAccounts(base: Base, store: AccountStore, ledger: LedgerStore): Accounts {
  const { settings, clock, randomness, keys, context } = base;
  const { welcomeSats = 0, network } = settings;
  return createAccounts({
    store,
    context,
    clock,
    randomness,
    nonceKey: keys.nonceKey,
    sessionTtlMs: settings.sessionTtlMs,
    ...(welcomeSats > 0 && network === 'regtest' && { welcome: welcomeWith(welcomeSats, { ledger, clock }) }),
    adminKeys: [toHex(keys.adminKey.publicKey), ...(settings.adminKeys ?? [])],
  });
}

/** Credits each client once. */
const welcomeWith =
  (sats: number, to: Parameters<typeof creditClient>[0]) =>
  (clientId: string): Promise<boolean> =>
    creditClient(to, {
      clientId,
      amountMsat: msat(BigInt(sats) * 1000n),
      reference: `welcome ${clientId}`,
      note: 'welcome to regtest',
    });

function addresses(settings: Settings, port: number, keys: MediatorKeys): { address: string; baseUrl: string } {
  const bound = settings.listen.host;
  const host = bound === '0.0.0.0' || bound === '::' ? 'localhost' : bound;
  const advertised = settings.publicAddress === undefined ? { host, port } : parseHostPort(settings.publicAddress);
  const caFingerprint = certificateFingerprint(keys.authority.certPem);
  return {
    address: formatMediatorAddress({ ...advertised, caFingerprint }),
    baseUrl: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
  };
}
