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

export interface DemoNode {
  readonly operator: string;
  readonly priceSatPerTbMonth: bigint;
  readonly nodeId: string;
  readonly address: string;
  readonly process: ServiceProcess<NodeReady>;
}

export interface Market {
  readonly mediator: Mediator;
  readonly nodes: readonly DemoNode[];
  /** Starts a killed node again, on the same disk and port. */
  restart(node: DemoNode): Promise<void>;
  stop(): Promise<void>;
}

export async function startMarket(directory: string, capacityBytes: number): Promise<Market> {
  const logs = join(directory, 'logs');
  await mkdir(logs, { recursive: true });
  const mediator = await startMediator({
    dataDir: join(directory, 'mediator'),
    listen: { host: '127.0.0.1', port: 0 },
    opsListen: { host: '127.0.0.1', port: 0 },
    network: 'regtest',
    subnetRule: 'local',
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
  const start = async (index: number, port: number): Promise<DemoNode> => {
    const operator = OPERATORS[index]!;
    const options: StorageNodeOptions = {
      dataDir: join(directory, `node-${operator}`),
      mediator: mediator.address,
      listen: { host: `127.0.${index + 1}.1`, port },
      operator,
      region: 'local',
      priceSatPerTbMonth: priceOf(index),
      capacityBytes,
      network: 'regtest',
    };
    const log = openSync(join(logs, `node-${operator}.log`), 'a', 0o600);
    const child = await startProcess<NodeReady>('run-storage-node.ts', options, log);
    running.add(child);
    child.child.once('exit', () => running.delete(child));
    return { operator, priceSatPerTbMonth: priceOf(index), ...child.ready, process: child };
  };
  const stop = async (): Promise<void> => {
    await Promise.all([...running].map((child) => child.stop()));
    await mediator.stop();
  };
  try {
    const nodes = await Promise.all(OPERATORS.map((_, index) => start(index, 0)));
    return {
      mediator,
      nodes,
      restart: async (node) => {
        const index = nodes.indexOf(node);
        nodes[index] = await start(index, Number(node.address.split(':').pop()));
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}
