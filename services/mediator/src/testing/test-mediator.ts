/** For tests: a mediator over a real database and real HTTPS, with clients and nodes that speak to it as real ones do. */
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMediatorApi, type MediatorApi, type MediatorSchemas, unwrap } from '@holdfast/http-api';
import {
  createCsr,
  createDatabase,
  createSeededRandomness,
  createSilentLogger,
  createSimulatedClock,
  createTlsKeyPair,
  type EmbeddedPostgres,
  type Logger,
  mediatorUri,
  nodeUri,
  pinnedConnectOptions,
  serverTlsOptions,
  type SimulatedClock,
  startEmbeddedPostgres,
  type TlsKeyPair,
} from '@holdfast/platform';
import {
  createSigningKey,
  type LinkOrder,
  mandate,
  msat,
  nodeRegistration,
  packCommit,
  packDrop,
  receipt,
  type Role,
  signIn,
  type SigningContext,
  type SigningKey,
  signMessage,
  toHex,
  vaultHead,
  ZERO_32,
} from '@holdfast/protocol';
import { Agent, type Dispatcher } from 'undici';
import { migrateDatabase } from '../adapters/postgres/migrate.ts';
import { type Mediator, type MediatorOptions, startMediator } from '../index.ts';
import { openTestLink, type TestLink } from './test-link.ts';

export const START_MS = 1_800_000_000_000;
export const GROUP = 65_536;

export interface TestMediator {
  readonly mediator: Mediator;
  readonly clock: SimulatedClock;
  readonly context: SigningContext;
  /** Nobody signed in. */
  readonly api: MediatorApi;
  readonly dispatcher: Dispatcher;
  client(seed?: string): Promise<TestClient>;
  /** Registered, reachable and heard of. */
  node(options?: TestNodeOptions): Promise<TestNode>;
  nodes(count: number, options?: TestNodeOptions): Promise<TestNode[]>;
  close(): Promise<void>;
}

/** One server for a whole test file; the last one out stops it. */
let server: { running: Promise<EmbeddedPostgres>; dataDir: string; users: number } | undefined;
let databaseCount = 0;

/** With all migrations, empty otherwise: a copy of one that was migrated once for the whole file. */
export async function freshDatabase(): Promise<string> {
  return newDatabase({ template: MIGRATED });
}

/** Without a table. */
export async function emptyDatabase(): Promise<string> {
  return newDatabase();
}

const MIGRATED = 'migrated';

async function newDatabase(from?: { template: string }): Promise<string> {
  if (server === undefined) {
    const dataDir = freshDirectory();
    server = { running: startServer(dataDir), dataDir, users: 0 };
  }
  server.users += 1;
  databaseCount += 1;
  return createDatabase((await server.running).adminUrl, `test_${databaseCount}`, from);
}

async function startServer(dataDir: string): Promise<EmbeddedPostgres> {
  const started = await startEmbeddedPostgres({ dataDir, logger: createSilentLogger(), durability: 'test' });
  await migrateDatabase(await createDatabase(started.adminUrl, MIGRATED));
  return started;
}

async function releaseDatabase(): Promise<void> {
  if (server === undefined) return;
  server.users -= 1;
  if (server.users > 0) return;
  const { running, dataDir } = server;
  server = undefined;
  await (await running).stop();
  rmSync(dataDir, { recursive: true, force: true });
}

/** Keeps the database server running between mediators until the function that it resolves to is called. */
export async function holdDatabaseServer(): Promise<() => Promise<void>> {
  await freshDatabase();
  return releaseDatabase;
}

export function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast mediator test-'));
  // The server's user, where root starts it, has to get in.
  chmodSync(directory, 0o755);
  return directory;
}

const randomness = createSeededRandomness('mediator tests');
export const freshId = (bytes = 32): string => toHex(randomness.bytes(bytes));

export async function startTestMediator(
  options: Partial<MediatorOptions> & { logger?: Logger } = {},
): Promise<TestMediator> {
  const dataDir = options.dataDir ?? freshDirectory();
  const databaseUrl = options.databaseUrl ?? (await freshDatabase());
  const clock = (options.clock as SimulatedClock | undefined) ?? createSimulatedClock(START_MS);
  const mediator = await startMediator({
    dataDir,
    databaseUrl,
    listen: { host: '127.0.0.1', port: 0 },
    network: 'regtest',
    subnetRule: 'local',
    logger: createSilentLogger(),
    processMetrics: false,
    // The clock is simulated: what happens by it happens when a test says so.
    scheduling: 'off',
    ...options,
    clock,
  });
  const context = { network: 'regtest' as const, mediatorId: mediator.mediatorId };
  const pinned = { caPem: mediator.caPem, expectUri: mediatorUri(mediator.mediatorId) };
  const dispatcher = new Agent({ connect: pinnedConnectOptions(pinned) });
  const closers: (() => Promise<unknown>)[] = [];
  const test: TestMediator = {
    mediator,
    clock,
    context,
    dispatcher,
    api: createMediatorApi({ baseUrl: mediator.baseUrl, dispatcher }),
    client: (seed) => createTestClient(test, seed),
    async node(nodeOptions) {
      const node = await createTestNode(test, nodeOptions ?? {});
      closers.push(() => node.close());
      return node;
    },
    nodes: async (count, nodeOptions) => {
      const made: TestNode[] = [];
      for (let number = 0; number < count; number += 1) made.push(await test.node(nodeOptions));
      return made;
    },
    async close() {
      for (const close of closers) await close();
      await dispatcher.close();
      await mediator.stop();
      if (options.databaseUrl === undefined) await releaseDatabase();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
  return test;
}

export interface TestClient {
  readonly clientId: string;
  readonly key: SigningKey;
  readonly api: MediatorApi;
  readonly session: string;
  /** Opens a vault under these terms, with a mandate for the same ones. */
  newVault(vaultId: string, terms: Terms): Promise<MediatorSchemas['schemas']['Vault']>;
}
type Terms = MediatorSchemas['schemas']['Terms'];

export const keyFrom = (seed: string): SigningKey => createSigningKey(createHash('sha256').update(seed).digest());

export async function signInAs(test: TestMediator, key: SigningKey, role: Role): Promise<string> {
  const { nonce } = await unwrap(test.api.POST('/v1/sign-in/nonces'));
  const body = { publicKey: toHex(key.publicKey), role, nonce, signedAtMs: test.clock.nowMs() };
  const token = signMessage(signIn, test.context, body, key);
  const { session } = await unwrap(test.api.POST('/v1/sign-in', { body: { signIn: token } }));
  return session;
}

async function createTestClient(test: TestMediator, seed = freshId()): Promise<TestClient> {
  const key = keyFrom(seed);
  const session = await signInAs(test, key, 'client');
  const { mediator, dispatcher } = test;
  const api = createMediatorApi({ baseUrl: mediator.baseUrl, dispatcher, session: () => session });
  const clientId = toHex(key.publicKey);
  await mediator.credit({ clientId, amountMsat: TEST_MONEY, reference: freshId(8), note: 'a test' });
  const newVault = async (vaultId: string, terms: Terms) => {
    const vault = await unwrap(api.POST('/v1/vaults', { body: { vaultId, terms } }));
    if (vault.mandate !== undefined) return vault;
    const body = { mandate: signMandate(test, { clientId, key }, vaultId, { ...terms, policy: vault.policy }) };
    await unwrap(api.PUT('/v1/vaults/{vaultId}/mandate', { params: { path: { vaultId } }, body }));
    return vault;
  };
  return { clientId, key, api, session, newVault };
}

/** Of every client, to begin with. */
export const TEST_MONEY = msat(10n ** 15n);

export const signMandate = (
  test: Pick<TestMediator, 'context' | 'clock'>,
  { clientId, key }: Pick<TestClient, 'clientId' | 'key'>,
  vaultId: string,
  terms: Terms & { policy: NonNullable<Terms['policy']> },
  changes: { sequence?: number; monthlyLimitMsat?: bigint; expiresAtMs?: number } = {},
): string =>
  signMessage(
    mandate,
    test.context,
    {
      clientId,
      vaultId,
      sequence: 1,
      ...terms.policy,
      maxPriceSatPerTbMonth: BigInt(terms.maxPriceSatPerTbMonth ?? '1000000'),
      regions: terms.regions ?? [],
      avoidOperators: terms.avoidOperators ?? [],
      monthlyLimitMsat: TEST_MONEY,
      expiresAtMs: test.clock.nowMs() + 365 * 86_400_000,
      signedAtMs: test.clock.nowMs(),
      ...changes,
    },
    key,
  );

export interface TestNodeOptions {
  readonly operator?: string;
  readonly region?: string;
  readonly price?: bigint;
  readonly egress?: bigint;
  readonly capacityBytes?: number;
  readonly addresses?: string[];
  /** Default true: checks reachability and sends a heartbeat. */
  readonly joins?: boolean;
  /** What it says of itself when asked. */
  readonly claims?: { nodeId?: string; mediatorId?: string };
}

export interface TestNode {
  readonly nodeId: string;
  readonly key: SigningKey;
  readonly address: string;
  /** With the node's certificate. */
  readonly api: MediatorApi;
  readonly options: TestNodeOptions;
  register(changes?: TestNodeOptions & { signedAtMs?: number }): Promise<{ certificatePem: string }>;
  /** A link of its own, which nobody said hello on yet. @param baseUrl of another process that shares the nodes. */
  link(options?: { autoPong?: boolean }, baseUrl?: string): Promise<TestLink>;
  /** Connects, says how it is, hears its orders, and leaves. */
  heartbeat(carriedOutOrder?: number, freeBytes?: number): Promise<readonly LinkOrder[]>;
  receipt(shard: {
    clientId: string;
    uploadId: string;
    packId: string;
    shardIndex: number;
    root: string;
    lengthBytes?: number;
  }): string;
  close(): Promise<void>;
}

export function registrationBody(
  key: SigningKey,
  csrPem: string,
  address: string,
  options: TestNodeOptions,
  nowMs: number,
) {
  const der = Buffer.from(csrPem.replace(/-----[A-Z ]+-----/g, ''), 'base64');
  return {
    nodeId: toHex(key.publicKey),
    operator: options.operator ?? `operator ${toHex(key.publicKey).slice(0, 8)}`,
    addresses: options.addresses ?? [address],
    region: options.region ?? 'local',
    priceSatPerTbMonth: options.price ?? 1000n,
    egressSatPerTb: options.egress ?? 0n,
    capacityBytes: options.capacityBytes ?? 1e12,
    csrHash: createHash('sha256').update(der).digest('hex'),
    signedAtMs: nowMs,
  };
}

async function createTestNode(test: TestMediator, options: TestNodeOptions): Promise<TestNode> {
  const { mediator, context, clock } = test;
  const key = createSigningKey(randomness.bytes(32));
  const nodeId = toHex(key.publicKey);
  const tls: TlsKeyPair = await createTlsKeyPair();
  const csrPem = await createCsr(tls, nodeUri(nodeId));
  const register = async (changes: TestNodeOptions & { signedAtMs?: number } = {}) => {
    const body = registrationBody(
      key,
      csrPem,
      address,
      { ...options, ...changes },
      changes.signedAtMs ?? clock.nowMs(),
    );
    const registration = signMessage(nodeRegistration, context, body, key);
    return unwrap(test.api.POST('/v1/nodes', { body: { registration, csrPem } }));
  };
  const server: Server = createServer((_request, response) => {
    const status = { nodeId, mediatorId: mediator.mediatorId, version: '1', timeMs: clock.nowMs(), ...options.claims };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(status));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const { certificatePem } = await register();
  const identity = { certPem: certificatePem, keyPem: tls.privateKeyPem, caPem: mediator.caPem };
  server.setSecureContext(serverTlsOptions({ ...identity, requestClientCert: 'no' }));
  const pinned = { ...identity, expectUri: mediatorUri(mediator.mediatorId) };
  const dispatcher = new Agent({ connect: pinnedConnectOptions(pinned) });
  const api = createMediatorApi({ baseUrl: mediator.baseUrl, dispatcher });
  const node: TestNode = {
    nodeId,
    key,
    address,
    api,
    options,
    register,
    link: (linkOptions, baseUrl = mediator.baseUrl) => openTestLink(baseUrl, pinned, linkOptions),
    async heartbeat(carriedOutOrder = 0, freeBytes = options.capacityBytes ?? 1e12) {
      const link = await node.link();
      try {
        return (await link.hello({ carriedOutOrder, freeBytes })).orders;
      } finally {
        await link.close();
      }
    },
    receipt: ({ lengthBytes = GROUP, ...shard }) =>
      signMessage(receipt, context, { nodeId, ...shard, lengthBytes, receivedAtMs: clock.nowMs() }, key),
    async close() {
      await dispatcher.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  if (options.joins ?? true) {
    await unwrap(api.POST('/v1/node/reachability'));
    await node.heartbeat();
  }
  return node;
}

export interface TestUpload {
  readonly vaultId: string;
  readonly uploadId: string;
  readonly policy: { dataShards: number; parityShards: number };
  readonly holders: readonly TestNode[];
}

/** A vault of that policy, and an upload in it. */
export async function openTestUpload(
  client: TestClient,
  nodes: readonly TestNode[],
  options: { vaultId?: string; dataShards?: number; bytes?: number } = {},
): Promise<TestUpload> {
  const vaultId = options.vaultId ?? freshId(16);
  const shards = options.dataShards ?? 2;
  const policy = { dataShards: shards, parityShards: shards };
  await client.newVault(vaultId, { policy });
  const upload = await unwrap(
    client.api.POST('/v1/vaults/{vaultId}/uploads', {
      params: { path: { vaultId } },
      body: { bytes: options.bytes ?? 64 * shards * GROUP },
    }),
  );
  const holders = upload.nodes.map(({ nodeId }) => nodes.find((node) => node.nodeId === nodeId)!);
  return { vaultId, uploadId: upload.uploadId, policy: upload.policy, holders };
}

export interface PackChanges {
  readonly packId?: string;
  readonly lengthBytes?: number;
  readonly commit?: Partial<Parameters<(typeof packCommit)['signer']>[0]>;
  readonly receiptOf?: (shardIndex: number, token: string, node: TestNode) => string;
  readonly signer?: SigningKey;
  readonly maskKey?: string;
}

/** A pack as a client would commit it: one shard at each of the upload's nodes. */
export function makePack(test: TestMediator, client: TestClient, upload: TestUpload, changes: PackChanges = {}) {
  const packId = changes.packId ?? freshId();
  const maskKey = freshId();
  const lengthBytes = changes.lengthBytes ?? GROUP;
  const shards = upload.holders.map(({ nodeId }) => ({ nodeId, root: freshId() }));
  const body = {
    clientId: client.clientId,
    vaultId: upload.vaultId,
    packId,
    ...upload.policy,
    shardLengthBytes: lengthBytes,
    maskKeyHash: createHash('sha256').update(Buffer.from(maskKey, 'hex')).digest('hex'),
    shards,
    ...changes.commit,
  };
  const receipts = upload.holders.map((node, shardIndex) => {
    const { root } = shards[shardIndex]!;
    const token = node.receipt({
      clientId: client.clientId,
      uploadId: upload.uploadId,
      packId,
      shardIndex,
      root,
      lengthBytes,
    });
    return changes.receiptOf?.(shardIndex, token, node) ?? token;
  });
  const commit = signMessage(packCommit, test.context, body, changes.signer ?? client.key);
  return { packId, shards, offered: { commit, maskKey: changes.maskKey ?? maskKey, receipts } };
}

export const commitPacks = (
  client: TestClient,
  upload: TestUpload,
  packs: { offered: ReturnType<typeof makePack>['offered'] }[],
) =>
  unwrap(
    client.api.POST('/v1/vaults/{vaultId}/packs', {
      params: { path: { vaultId: upload.vaultId } },
      body: { uploadId: upload.uploadId, packs: packs.map(({ offered }) => offered) },
    }),
  );

export const signDrop = (test: TestMediator, client: TestClient, vaultId: string, packIds: string[]): string =>
  signMessage(
    packDrop,
    test.context,
    { clientId: client.clientId, vaultId, packIds, signedAtMs: test.clock.nowMs() },
    client.key,
  );

export const signHead = (
  test: TestMediator,
  client: TestClient,
  vaultId: string,
  head: { sequence: number; previousHash?: string; text?: string },
): string =>
  signMessage(
    vaultHead,
    test.context,
    {
      clientId: client.clientId,
      vaultId,
      sequence: head.sequence,
      previousHash: head.previousHash ?? ZERO_32,
      writtenAtMs: test.clock.nowMs(),
      sealed: new Uint8Array(Buffer.from(head.text ?? 'sealed')),
    },
    client.key,
  );
