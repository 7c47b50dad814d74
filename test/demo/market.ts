/** The demo's market: a mediator in this process with its own Postgres, nine storage nodes as processes of their own. */
import { createWriteStream, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Mediator, startMediator } from '@holdfast/mediator';
import { createLogger } from '@holdfast/platform';
import type { StorageNodeOptions } from '@holdfast/storage-node';
import { OPERATORS, priceOf } from '../operators.ts';
import { type ServiceProcess, startProcess } from '../processes.ts';
import type { NodeReady } from '../run-storage-node.ts';
import type { Chain } from './chain.ts';

/** Hourly challenges, in ten seconds. */
export const PERIOD_MS = 10_000;
/** One that meets the damage first makes the node report it: another story than the one that is told here. */
const RETRIEVAL_CHECK_MS = 86_400_000;

const LEAST_BYTES = 4_000_000;
const BYTES_PER_TB = 1e12;
/** What the directory costs in a month at most: a node then earns a payout's worth within a few periods. */
const MONTHLY_SATS = 60_000_000_000;
/** Dearer than that no offer is taken. */
const MAX_FACTOR = 5_000_000_000_000;
const REAL_PRICE = 1_000;

/**
 * Ten seconds of a few megabytes cost next to nothing: nodes of the demo ask so many times what real ones do. One, two or
 * five with zeros behind it.
 */
export function priceFactor(bytes: number): bigint {
  const realSats = (2 * Math.max(bytes, LEAST_BYTES) * REAL_PRICE) / BYTES_PER_TB;
  const wanted = Math.min(Math.max(1, MONTHLY_SATS / realSats), MAX_FACTOR);
  const power = 10n ** BigInt(Math.floor(Math.log10(wanted)));
  return power * ([5n, 2n].find((digit) => Number(power * digit) <= wanted) ?? 1n);
}

export interface DemoNode {
  readonly operator: string;
  readonly dataDir: string;
  readonly priceSatPerTbMonth: bigint;
  readonly nodeId: string;
  readonly address: string;
  readonly process: ServiceProcess<NodeReady>;
}

export interface Market {
  readonly mediator: Mediator;
  readonly mediatorDir: string;
  readonly nodes: readonly DemoNode[];
  /** Their prices are so many times those of real ones. */
  readonly factor: bigint;
  /** Starts a killed node again, on the same disk and port. */
  restart(node: DemoNode): Promise<void>;
  /** One more node, of that operator. */
  join(operator: string): Promise<void>;
  stop(): Promise<void>;
}

export interface MarketOptions {
  readonly capacityBytes: number;
  /** So many times what real nodes ask. */
  readonly factor: bigint;
  /** Absent: no money comes or goes over a chain. */
  readonly chain?: Pick<Chain, 'settings' | 'address'>;
}

export async function startMarket(directory: string, { capacityBytes, factor, chain }: MarketOptions): Promise<Market> {
  const logs = join(directory, 'logs');
  await mkdir(logs, { recursive: true });
  const mediatorDir = join(directory, 'mediator');
  const mediator = await startMediator({
    dataDir: mediatorDir,
    listen: { host: '127.0.0.1', port: 0 },
    opsListen: { host: '127.0.0.1', port: 0 },
    network: 'regtest',
    subnetRule: 'local',
    periodMs: PERIOD_MS,
    challenges: { retrievalCheckMs: RETRIEVAL_CHECK_MS },
    ...chain?.settings,
    logger: createLogger({
      service: 'mediator',
      level: 'info',
      format: 'json',
      destination: createWriteStream(join(logs, 'mediator.log'), { mode: 0o600 }),
    }),
    // as root in a clone that Postgres’ own user cannot enter, its data lies in the temporary directory until the end
    unreachableData: 'temporary',
  });
  const running = new Set<ServiceProcess<NodeReady>>();
  const operators: string[] = [...OPERATORS];
  const addresses = new Map<string, Promise<string>>();
  /** Stays the same when a node is started again. */
  const payoutAddress = (operator: string): Promise<string> => {
    const address = addresses.get(operator) ?? chain!.address(operator);
    addresses.set(operator, address);
    return address;
  };
  const start = async (index: number, port: number): Promise<DemoNode> => {
    const operator = operators[index]!;
    const dataDir = join(directory, `node-${operator}`);
    const priceSatPerTbMonth = priceOf(index) * factor;
    const options: StorageNodeOptions = {
      dataDir,
      mediator: mediator.address,
      listen: { host: `127.0.${index + 1}.1`, port },
      operator,
      region: 'local',
      priceSatPerTbMonth,
      capacityBytes,
      network: 'regtest',
      ...(chain !== undefined && { payoutAddress: await payoutAddress(operator) }),
    };
    const log = openSync(join(logs, `node-${operator}.log`), 'a', 0o600);
    const child = await startProcess<NodeReady>('run-storage-node.ts', options, log);
    running.add(child);
    child.child.once('exit', () => running.delete(child));
    return { operator, dataDir, priceSatPerTbMonth, ...child.ready, process: child };
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...running].map((child) => child.stop()));
    await mediator.stop();
  };
  try {
    const nodes = await Promise.all(OPERATORS.map((_, index) => start(index, 0)));
    return {
      mediator,
      mediatorDir,
      nodes,
      factor,
      restart: async (node) => {
        const index = nodes.indexOf(node);
        nodes[index] = await start(index, Number(node.address.split(':').pop()));
      },
      join: async (operator) => {
        const index = operators.push(operator) - 1;
        nodes.push(await start(index, 0));
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
