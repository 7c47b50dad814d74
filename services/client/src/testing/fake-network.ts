/** Nodes, a mediator and a client's context in one process, for the client's tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PackPolicy } from '@holdfast/codec';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createSeededRandomness,
  createSilentLogger,
  systemClock,
  systemRandomness,
} from '@holdfast/platform';
import { createSigningKey, type SigningContext, toHex } from '@holdfast/protocol';
import { Catalog } from '../catalog/index.ts';
import type { ClientConfig, ClientContext, ClientKeys } from '../ports.ts';
import { createNodeTransport, NodeDispatchers } from '../transport/index.ts';
import { FakeMediator } from './fake-mediator.ts';
import { FakeNode } from './fake-node.ts';

export interface FakeNetworkOptions {
  readonly nodes?: number;
  readonly policy?: PackPolicy;
  readonly seed?: string;
  readonly uploadTtlMs?: number;
  /** Starts the nodes elsewhere, in a process of their own for instance. */
  readonly startNodes?: (options: {
    readonly authority: CertificateAuthority;
    readonly signing: SigningContext;
    readonly seeds: readonly Uint8Array[];
  }) => Promise<readonly { readonly nodeId: string; readonly address: string }[]>;
}

export interface FakeNetwork {
  readonly mediator: FakeMediator;
  readonly nodes: readonly FakeNode[];
  /** A client of its own home and catalog; all of them share one vault. */
  newClient(name?: string): ClientContext & { readonly home: string };
  /** Keeps what nodes and mediator have now. The function that it returns puts it back: one vault serves many tests. */
  remember(): () => Promise<void>;
  close(): Promise<void>;
}

export async function startFakeNetwork(options: FakeNetworkOptions = {}): Promise<FakeNetwork> {
  const { nodes: nodeCount = 5, policy = { dataShards: 2, parityShards: 2 }, seed = 'fake network' } = options;
  const random = createSeededRandomness(seed);
  const nowMs = (): number => systemClock.nowMs();
  const mediatorKey = createSigningKey(random.bytes(32));
  const mediatorId = toHex(mediatorKey.publicKey);
  const signing = { network: 'regtest', mediatorId } as const;
  const authority = await createCertificateAuthority({
    name: 'test',
    mediatorPublicKeyHex: mediatorId,
    nowMs: nowMs(),
  });
  const seeds = Array.from({ length: nodeCount }, () => random.bytes(32));
  const isHere = options.startNodes === undefined;
  const nodes = isHere ? seeds.map((nodeSeed) => new FakeNode({ authority, signing, seed: nodeSeed, nowMs })) : [];
  await Promise.all(nodes.map((node) => node.start()));
  const places = (await options.startNodes?.({ authority, signing, seeds })) ?? nodes;
  const keys: ClientKeys = {
    dataKey: random.bytes(32),
    chunkIdKey: random.bytes(32),
    maskKey: random.bytes(32),
    gearKey: random.bytes(32),
    identitySeed: random.bytes(32),
  };
  const signingKey = createSigningKey(keys.identitySeed);
  const clientId = toHex(signingKey.publicKey);
  const vaultId = toHex(random.bytes(16));
  const mediator = new FakeMediator({
    signing,
    key: mediatorKey,
    clientId,
    vaultId,
    policy,
    nodes: () => places,
    nowMs,
    ...(options.uploadTtlMs === undefined ? {} : { uploadTtlMs: options.uploadTtlMs }),
  });
  const closers: (() => Promise<void>)[] = [];

  return {
    mediator,
    nodes,
    newClient(name = 'home') {
      const home = mkdtempSync(join(tmpdir(), `holdfast-${name}-`));
      const config: ClientConfig = {
        version: 1,
        mediator: `holdfast://127.0.0.1:1#${'0'.repeat(64)}`,
        caPem: authority.certPem,
        mediatorId,
        network: 'regtest',
        vaultId,
        machineId: toHex(random.bytes(16)),
        directories: [],
      };
      const dispatchers = new NodeDispatchers({ caPem: authority.certPem, stallTimeoutMs: 5000 });
      const transport = createNodeTransport({ dispatchers, signing, signingKey, nowMs });
      const catalog = new Catalog(join(home, 'catalog.sqlite'));
      closers.push(async () => {
        catalog.close();
        await transport.close();
        rmSync(home, { recursive: true, force: true });
      });
      return {
        home,
        config,
        keys,
        signing,
        signingKey,
        clientId,
        vaultId,
        get mediatorApi(): never {
          throw new TypeError('the fake network has no HTTP mediator');
        },
        mediator,
        nodes: transport,
        nodeDispatcher: (nodeId) => dispatchers.get(nodeId),
        catalog,
        clock: systemClock,
        randomness: systemRandomness,
        logger: createSilentLogger(),
      };
    },
    remember: () => rememberAll(mediator, nodes),
    async close() {
      for (const close of closers) await close();
      await Promise.all(nodes.map((node) => node.stop()));
    },
  };
}

function rememberAll(mediator: FakeMediator, nodes: readonly FakeNode[]): () => Promise<void> {
  const mediatorBack = mediator.remember();
  const nodesBack = nodes.map((node) => node.remember());
  return async () => {
    mediatorBack();
    await Promise.all(nodesBack.map((back) => back()));
  };
}
