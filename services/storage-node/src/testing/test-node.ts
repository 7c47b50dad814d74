/** A node on a fake mediator in a temporary directory, and what its tests need again and again. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSeededRandomness, type SeededRandomness } from '@holdfast/platform';
import { GROUP_BYTES, toHex } from '@holdfast/protocol';
import { startStorageNode, type StorageNode, type StorageNodeOptions } from '../compose.ts';
import type { Grant } from '../grants/index.ts';
import { createFakeMediator, type FakeMediator } from './test-mediator.ts';
import { createNodeClient, type NodeClient, clientSeed } from './test-client.ts';

export interface Harness {
  readonly directory: string;
  readonly mediator: FakeMediator;
  readonly mediatorAddress: string;
  readonly random: SeededRandomness;
  node: StorageNode;
  client: NodeClient;
  options(more?: Partial<StorageNodeOptions>): StorageNodeOptions;
  /** Stops the node and starts it again on the same data, which `meanwhile` may change. */
  restart(more?: Partial<StorageNodeOptions>, meanwhile?: () => void): Promise<void>;
  /** Another client of the same node. */
  clientNamed(name: string): NodeClient;
  grant(verb: Grant['verb'], more?: Partial<Grant>): string;
  packId(): string;
  uploadId(): string;
  shard(groups: number): Uint8Array;
  close(): Promise<void>;
}

export async function startHarness(
  more: Partial<StorageNodeOptions> = {},
  setUp: (mediator: FakeMediator) => void = () => {},
): Promise<Harness> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-node-'));
  const random = createSeededRandomness(`node tests ${directory.length}`);
  const mediator = await createFakeMediator();
  setUp(mediator);
  const mediatorAddress = await mediator.listen();
  const clients: NodeClient[] = [];
  const options = (extra: Partial<StorageNodeOptions> = {}): StorageNodeOptions => ({
    dataDir: join(directory, 'data'),
    mediator: mediatorAddress,
    listen: { host: '127.0.0.1', port: 0 },
    operator: 'tester',
    region: 'test',
    priceSatPerTbMonth: 1000n,
    capacityBytes: 1_000_000_000,
    network: 'regtest',
    diskMarginBytes: 0,
    heartbeatMs: 3_600_000,
    scrubBytesPerSecond: 0,
    ...more,
    ...extra,
  });
  const connect = (seed: Uint8Array): NodeClient => {
    const client = createNodeClient({
      baseUrl: harness.node.baseUrl,
      nodeId: harness.node.nodeId,
      caPem: mediator.authority.certPem,
      signing: mediator.signing,
      seed,
    });
    clients.push(client);
    return client;
  };
  const harness: Harness = {
    directory,
    mediator,
    mediatorAddress,
    random,
    node: undefined as never,
    client: undefined as never,
    options,
    clientNamed: (name) => connect(clientSeed(name)),
    async restart(extra, meanwhile) {
      await Promise.all(clients.splice(0).map((client) => client.close()));
      await harness.node.stop();
      meanwhile?.();
      harness.node = await startStorageNode(options(extra));
      harness.client = connect(clientSeed('one'));
    },
    grant: (verb, fields = {}) =>
      mediator.grant({ verb, clientId: harness.client.clientId, nodeId: harness.node.nodeId, ...fields }),
    packId: () => toHex(random.bytes(32)),
    uploadId: () => toHex(random.bytes(16)),
    shard: (groups) => random.bytes(groups * GROUP_BYTES),
    async close() {
      await Promise.all(clients.map((client) => client.close()));
      await harness.node?.stop();
      await mediator.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
  try {
    harness.node = await startStorageNode(options());
    harness.client = connect(clientSeed('one'));
    return harness;
  } catch (error) {
    await mediator.close();
    throw error;
  }
}
