/**
 * A whole network on this machine for journeys: mediator with embedded Postgres and storage nodes in this process, on real
 * TLS, files and sockets. The demo and the benchmark run the nodes as processes instead (processes.ts).
 */
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSilentLogger } from '@holdfast/platform';
import { type Mediator, type MediatorOptions, startMediator } from '@holdfast/mediator';
import { HoldfastError } from '@holdfast/protocol';
import { OPERATORS, priceOf } from './operators.ts';
import { createShiftedClock, type ShiftedClock } from './shifted-clock.ts';
import { startStorageNode, type StorageNode, type StorageNodeOptions } from '@holdfast/storage-node';

export interface NetworkOptions {
  nodeCount: number;
  /** Default 2 GB each. */
  capacityBytes?: number;
  mediator?: Partial<MediatorOptions>;
  node?: (index: number) => Partial<StorageNodeOptions>;
}

export interface Network {
  readonly directory: string;
  /** Of mediator and nodes. */
  readonly clock: ShiftedClock;
  readonly mediator: Mediator;
  readonly nodes: StorageNode[];
  /** The options that node `index` is started with. */
  nodeOptions(index: number): StorageNodeOptions;
  isNodeUp(index: number): boolean;
  /** Stops node `index` if it is up. */
  stopNode(index: number): Promise<void>;
  /** Starts node `index` again on the same data and port. */
  restartNode(index: number): Promise<void>;
  /** Every node is heard, carries out its orders, and says so. */
  visitAll(): Promise<void>;
  stopMediator(): Promise<void>;
  /** Starts the mediator again on the same data and port. */
  restartMediator(): Promise<void>;
  stop(): Promise<void>;
}

export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const directory = await mkdtemp(join(tmpdir(), 'holdfast-network-'));
  // Postgres never runs as root: its own user must be able to get to its data
  await chmod(directory, 0o711);
  const network = new RunningNetwork(directory, options);
  try {
    await network.start();
    return network;
  } catch (error) {
    await network.stop();
    throw error;
  }
}

class RunningNetwork implements Network {
  readonly directory: string;
  readonly clock = createShiftedClock();
  readonly nodes: StorageNode[] = [];
  readonly #options: NetworkOptions;
  readonly #up = new Set<number>();
  readonly #logger = createSilentLogger();
  #mediator: Mediator | undefined;
  #isMediatorUp = false;

  constructor(directory: string, options: NetworkOptions) {
    this.directory = directory;
    this.#options = options;
  }

  get mediator(): Mediator {
    return this.#mediator!;
  }

  async start(): Promise<void> {
    await this.#startMediator(0);
    const indexes = Array.from({ length: this.#options.nodeCount }, (_, index) => index);
    await Promise.all(
      indexes.map(async (index) => {
        await mkdir(join(this.directory, `node${index + 1}`), { recursive: true });
        const node = await startStorageNode(this.nodeOptions(index));
        this.nodes[index] = node;
        this.#up.add(index);
        // On a busy machine the first visit to the mediator takes longer than a node waits for it.
        await visit(node);
      }),
    );
  }

  nodeOptions(index: number): StorageNodeOptions {
    return {
      dataDir: join(this.directory, `node${index + 1}`),
      mediator: this.mediator.address,
      listen: { host: `127.0.${index + 1}.1`, port: portOf(this.nodes[index]?.address) },
      operator: OPERATORS[index % OPERATORS.length]! + (index < OPERATORS.length ? '' : String(index)),
      region: 'local',
      priceSatPerTbMonth: priceOf(index),
      capacityBytes: this.#options.capacityBytes ?? 2_000_000_000,
      network: 'regtest',
      scrubBytesPerSecond: 0,
      clock: this.clock,
      logger: this.#logger,
      ...this.#options.node?.(index),
    };
  }

  isNodeUp(index: number): boolean {
    return this.#up.has(index);
  }

  async stopNode(index: number): Promise<void> {
    if (this.#up.delete(index)) await this.nodes[index]!.stop();
  }

  async restartNode(index: number): Promise<void> {
    await this.stopNode(index);
    this.nodes[index] = await startStorageNode(this.nodeOptions(index));
    this.#up.add(index);
  }

  async visitAll(): Promise<void> {
    await Promise.all(this.nodes.map(visit));
  }

  async stopMediator(): Promise<void> {
    if (this.#isMediatorUp) await this.mediator.stop();
    this.#isMediatorUp = false;
  }

  async restartMediator(): Promise<void> {
    await this.stopMediator();
    await this.#startMediator(portOf(new URL(this.mediator.baseUrl).host));
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#up].map((index) => this.stopNode(index)));
    await this.stopMediator();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #startMediator(port: number): Promise<void> {
    this.#mediator = await startMediator({
      dataDir: join(this.directory, 'mediator'),
      listen: { host: '127.0.0.1', port },
      network: 'regtest',
      subnetRule: 'local',
      welcomeSats: 1_000_000_000,
      databaseDurability: 'test',
      unreachableData: 'temporary',
      processMetrics: false,
      clock: this.clock,
      logger: this.#logger,
      ...this.#options.mediator,
    });
    this.#isMediatorUp = true;
  }
}

const portOf = (address: string | undefined): number => Number(address?.split(':').pop() ?? 0);

const ENDED_LINE = /^(?:link\.|remote\.|input\.too-large$)/;

/** When hours pass at once, an answer under way is late, and the mediator may end the line: the next one is there soon. */
async function visit(node: StorageNode): Promise<void> {
  for (;;) {
    try {
      return await node.heartbeatNow();
    } catch (error) {
      if (!(error instanceof HoldfastError) || !ENDED_LINE.test(error.code)) throw error;
      await sleep(200);
    }
  }
}
