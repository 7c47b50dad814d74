/** Wires a storage node together: the only place where adapters meet the domains. */
import { mkdirSync, readdirSync } from 'node:fs';
import type { Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { startOpsServer } from '@holdfast/http-api/server';
import {
  acquireFileLock,
  createLifecycle,
  createMetrics,
  createSilentLogger,
  type Lifecycle,
  type Listen,
  serverTlsOptions,
  systemClock,
  systemRandomness,
} from '@holdfast/platform';
import {
  fail,
  lossReport,
  mediatorBaseUrl,
  parseMediatorAddress,
  type SigningContext,
  signMessage,
} from '@holdfast/protocol';
import type { FastifyInstance } from 'fastify';
import { signRequested } from './agreements/index.ts';
import { openCopiesDatabase } from './adapters/copies-database.ts';
import { createMediatorHttp } from './adapters/mediator-http.ts';
import { createMediatorLink } from './adapters/mediator-link.ts';
import { openStateDatabase } from './adapters/state-database.ts';
import { createNodeServer, NODE_TLS } from './http/server.ts';
import { createChallenges } from './challenges/index.ts';
import { runScrubs } from './jobs.ts';
import { createTouch, type Touch, type TouchOptions } from './link/index.ts';
import { withFigures } from './metrics.ts';
import { DEFAULTS, type StorageNodeOptions } from './options.ts';
import { keepPayoutAddress } from './payout-address.ts';
import {
  createRegistrar,
  type NodeIdentity,
  type NodeOffer,
  openIdentity,
  openPinnedCa,
} from './registration/index.ts';
import { openShardStore, type ScrubReport } from './shards/index.ts';
import { createVaultCopies } from './vault-copies/index.ts';
import { asOperator, type NodeAccess } from './signed-in.ts';
import { VERSION } from './version.ts';

export type { StorageNodeOptions } from './options.ts';

export interface StorageNode {
  readonly nodeId: string;
  /** `host:port` where it listens. */
  readonly address: string;
  readonly baseUrl: string;
  readonly opsUrl?: string;
  readonly dataDir: string;
  /** Visits the mediator now: orders are carried out and confirmed when it resolves. @throws HoldfastError */
  heartbeatNow(): Promise<void>;
  /** One pass over all shards, as fast as it goes. */
  scrubNow(): Promise<ScrubReport>;
  /** Ends what is under way, within its time. */
  stop(): Promise<void>;
}

/** The first visit to the mediator is part of the start, unless it takes longer than this. */
const FIRST_VISIT_MS = 5_000;

/**
 * Resolves when the node serves: at once with a certificate from an earlier run, else after registration, however long
 * the mediator is away. @throws PlatformError `file.locked`, `tls.*`; HoldfastError `node.bad-data-dir`,
 * `node.bad-registration`, `client.bad-address` and whatever else the mediator refuses a registration with
 */
export async function startStorageNode(given: StorageNodeOptions): Promise<StorageNode> {
  const options = {
    clock: systemClock,
    randomness: systemRandomness,
    logger: createSilentLogger(),
    ...DEFAULTS,
    ...given,
  };
  const { logger, stopGraceMs } = options;
  const lifecycle = createLifecycle({ logger, timeoutMs: stopGraceMs + 5_000 });
  try {
    return await start(options, lifecycle);
  } catch (error) {
    await lifecycle.close('the start failed');
    throw error;
  }
}

type FullOptions = StorageNodeOptions &
  Required<Pick<StorageNodeOptions, 'clock' | 'randomness' | 'logger'>> & {
    [Key in keyof typeof DEFAULTS]-?: NonNullable<StorageNodeOptions[Key]>;
  };

async function start(options: FullOptions, lifecycle: Lifecycle): Promise<StorageNode> {
  const { dataDir, clock, randomness, logger } = options;
  const address = parseMediatorAddress(options.mediator);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = acquireFileLock(join(dataDir, 'lock'));
  lifecycle.onClose('lock', () => lock.release());

  const identity = await openIdentity(dataDir, randomness);
  const pinned = await openPinnedCa({ dataDir, address, clock, logger, signal: lifecycle.closing });
  const signing = { network: options.network, mediatorId: pinned.mediatorId };
  const metrics = createMetrics('holdfast_node_', { processMetrics: options.processMetrics ?? false });
  lifecycle.onClose('metrics', () => metrics.close());

  const { store, records, copies, onLosses } = await openData(options, lifecycle, identity.nodeId, signing);
  const app = await createNodeServer({
    ...options,
    ...identity,
    signing,
    version: VERSION,
    store,
    copies,
    metrics,
  });
  lifecycle.onClose('server', () => closeServer(app, options.stopGraceMs));
  await app.listen({ ...options.listen, listenTextResolver: () => 'listening' });
  const listening = hostPort((app.server.address() as AddressInfo).port, options.listen.host);

  const port = createMediatorHttp({
    baseUrl: mediatorBaseUrl(address),
    ...pinned,
    tlsKeyPem: identity.tlsKey.privateKeyPem,
  });
  const registrar = createRegistrar({
    dataDir,
    identity,
    signing,
    caPem: pinned.caPem,
    port,
    nowMs: () => clock.nowMs(),
    onCertificate: ({ certPem }) => useCertificate(app, certPem, identity.tlsKey.privateKeyPem, pinned.caPem),
  });
  const offer = offerOf(options, listening);
  const line = createMediatorLink({
    baseUrl: mediatorBaseUrl(address),
    ...pinned,
    tlsKeyPem: identity.tlsKey.privateKeyPem,
    certPem: () => registrar.current?.certPem,
    idleMs: options.linkIdleMs,
    closing: lifecycle.closing,
  });
  const touch = wireTouch(options, lifecycle, { port, line, registrar, offer, store, records }, { identity, signing });
  onLosses(() => touch.hurry());
  await registrar.load();
  await registerPatiently(options, lifecycle, touch, () => registrar.current !== undefined);

  const access = { baseUrl: mediatorBaseUrl(address), caPem: pinned.caPem, signing, key: identity.signingKey };
  const running = [
    touch.run(lifecycle.closing),
    runScrubs(store, options, lifecycle.closing),
    announcePayoutAddress(access, options, lifecycle.closing),
  ];
  lifecycle.onClose('mediator', async () => {
    touch.close();
    await port.close();
    await Promise.all(running);
  });
  const ops = options.opsListen && (await startOps(options.opsListen, options, touch, withFigures(metrics, store)));
  if (ops !== undefined) lifecycle.onClose('ops', () => ops.close());
  return {
    nodeId: identity.nodeId,
    address: listening,
    baseUrl: `https://${listening}`,
    ...(ops !== undefined && { opsUrl: ops.url }),
    dataDir,
    heartbeatNow: () => touch.visit(),
    scrubNow: () => store.scrub({ bytesPerSecond: 0 }),
    async stop() {
      await lifecycle.close('asked to');
    },
  };
}

type TouchParts = Pick<TouchOptions, 'port' | 'line' | 'registrar' | 'offer' | 'store' | 'records'>;

/** What comes over the link, and who answers it. */
function wireTouch(
  options: FullOptions,
  lifecycle: Lifecycle,
  parts: TouchParts,
  { identity, signing }: { identity: NodeIdentity; signing: SigningContext },
): Touch {
  const { clock, logger } = options;
  const { store, records, offer } = parts;
  const { nodeId, signingKey: key } = identity;
  const challenges = createChallenges({ nodeId, signing, key, store, clock, logger });
  lifecycle.onClose('challenges', () => challenges.stop());
  const objected = new Set<string>();
  return createTouch({
    ...parts,
    signLosses: (names) =>
      signMessage(lossReport, signing, { nodeId, reportedAtMs: clock.nowMs(), shards: [...names] }, key),
    onChallenge: (token, session) =>
      challenges.take(token, (challengeId, frame) => session.showProof(challengeId, frame)),
    onVerdict: (token) => logger.debug({ token }, 'a verdict'),
    async onSign(request, session) {
      const given = { nodeId, signing, key, offer, records, clock, logger, objected };
      for (const { what, token } of signRequested(given, request, session.welcome.periodMs)) {
        // What has changed meanwhile is asked again as it is then.
        await session.sendSigned(what, token).catch((error: unknown) => {
          if (session.hasEnded) throw error;
          logger.info({ err: error, what }, 'the mediator did not take a signature');
        });
      }
    },
    clock,
    lineClock: systemClock,
    randomness: options.randomness,
    logger,
    version: VERSION,
    everyMs: options.heartbeatMs,
  });
}

/** Opens databases and shards; the caller says later who is told of losses. */
async function openData(
  options: FullOptions,
  lifecycle: Lifecycle,
  nodeId: string,
  signing: Parameters<typeof createVaultCopies>[0]['signing'],
) {
  const { dataDir, logger, clock } = options;
  const shardsDir = join(dataDir, 'shards');
  mkdirSync(shardsDir, { recursive: true, mode: 0o700 });
  const onDamaged = (what: string) => (detail: string) =>
    logger.error({ detail }, `the database ${what}.sqlite is damaged; it was moved aside`);
  const records = openStateDatabase({
    path: join(dataDir, 'state.sqlite'),
    hasShards: readdirSync(shardsDir).length > 0,
    nowMs: clock.nowMs(),
    onDamaged: onDamaged('state'),
  });
  lifecycle.onClose('state', () => records.close());
  const copyRecords = openCopiesDatabase({
    path: join(dataDir, 'copies.sqlite'),
    nowMs: clock.nowMs(),
    onDamaged: onDamaged('copies'),
  });
  lifecycle.onClose('copies', () => copyRecords.close());
  let tellLoss = (): void => {};
  const store = await openShardStore({
    ...options,
    records,
    marginBytes: options.diskMarginBytes,
    onLoss: () => tellLoss(),
    onErased: (names) => copyRecords.forgetShardMaps(names),
    onClientGone: (clientId) => copyRecords.forgetClient(clientId),
  });
  const copies = createVaultCopies({
    nodeId,
    signing,
    records: copyRecords,
    shards: {
      find: (clientId, packId, shardIndex) =>
        store.describe({ clientId, packId, shardIndex }).catch((error: { code?: string }) => {
          if (error.code === 'shard.unknown' || error.code === 'shard.damaged') return undefined;
          throw error;
        }),
    },
  });
  const onLosses = (tell: () => void): void => {
    tellLoss = tell;
  };
  return { records, store, copies, onLosses };
}

function useCertificate(app: FastifyInstance, certPem: string, keyPem: string, caPem: string): void {
  const { cert, key, ca } = serverTlsOptions({ certPem, keyPem, caPem, requestClientCert: 'no' });
  (app.server as unknown as Server).setSecureContext({ ...NODE_TLS, cert, key, ca });
}

/** The first visit. Without a certificate there is nothing to serve with: then it is tried until the mediator is back. */
async function registerPatiently(
  options: FullOptions,
  lifecycle: Lifecycle,
  touch: Touch,
  hasCertificate: () => boolean,
): Promise<void> {
  const { clock, logger } = options;
  for (;;) {
    const ended = new AbortController();
    const visit = touch.visit().finally(() => ended.abort());
    visit.catch(() => undefined);
    if (hasCertificate()) await clock.sleep(FIRST_VISIT_MS, ended.signal).catch(() => undefined);
    try {
      if (!hasCertificate() || ended.signal.aborted) await visit;
      return;
    } catch (error) {
      if (hasCertificate()) {
        logger.warn({ err: error }, 'the mediator is away; the node serves with its certificate');
        return;
      }
      if (!isPassing(error)) throw error;
      logger.warn({ err: error }, 'not registered yet: the mediator is away; trying again');
      await clock.sleep(Math.min(options.heartbeatMs, 5_000), lifecycle.closing);
    }
  }
}

const ANNOUNCE_AGAIN_MS = 30_000;

/** Tried until the mediator took it or refused it: the node serves and earns meanwhile. */
async function announcePayoutAddress(
  access: NodeAccess,
  { payoutAddress, clock, logger }: FullOptions,
  closing: AbortSignal,
): Promise<void> {
  if (payoutAddress === undefined) return;
  while (!closing.aborted) {
    try {
      await asOperator(access, (operator) => keepPayoutAddress(operator, payoutAddress));
      return;
    } catch (error) {
      if (!isPassing(error)) {
        logger.error({ err: error }, 'the mediator does not take the payout address');
        return;
      }
      await clock.sleep(ANNOUNCE_AGAIN_MS, closing).catch(() => undefined);
    }
  }
}

const isPassing = (error: unknown): boolean => (error as { httpStatus?: number }).httpStatus === 503;

function offerOf(options: FullOptions, listening: string): NodeOffer {
  const { operator, region, priceSatPerTbMonth, egressSatPerTb = 0n, capacityBytes } = options;
  const addresses = options.addresses ?? [listening];
  if (options.addresses === undefined && ['0.0.0.0', '::'].includes(options.listen.host)) {
    throw fail('node.bad-registration', {
      detail: `${listening} is no address that others can use; say which are (HOLDFAST_NODE_ADDRESSES).`,
    });
  }
  return { operator, region, priceSatPerTbMonth, egressSatPerTb, capacityBytes, addresses };
}

const hostPort = (port: number, host: string): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

/** Stops accepting, lets transfers end for a while, then cuts them off. */
async function closeServer(app: FastifyInstance, graceMs: number): Promise<void> {
  const timer = setTimeout(() => (app.server as unknown as Server).closeAllConnections(), graceMs);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

async function startOps(
  listen: Listen,
  { logger, clock, heartbeatMs }: FullOptions,
  touch: Touch,
  metrics: Parameters<typeof startOpsServer>[0]['metrics'],
) {
  return startOpsServer({
    listen,
    logger,
    metrics,
    async readiness() {
      const { lastVisitAtMs } = touch;
      const isInTouch = lastVisitAtMs !== undefined && clock.nowMs() - lastVisitAtMs < 4 * heartbeatMs;
      return { ready: true, ...(!isInTouch && { detail: 'it serves, but the mediator is away' }) };
    },
  });
}
