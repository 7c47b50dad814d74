/** Mediators and storage nodes as real processes that are killed with SIGKILL and started again on the same data and port. */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MediatorOptions } from '@holdfast/mediator';
import type { StorageNodeOptions } from '@holdfast/storage-node';
import { type ServiceProcess, startProcess } from './processes.ts';
import type { MediatorReady } from './run-mediator.ts';
import type { NodeReady } from './run-storage-node.ts';

export interface Killable<Ready> {
  readonly ready: Ready;
  readonly dataDir: string;
  /** SIGKILL; resolves when it is gone. */
  kill(): Promise<void>;
  /** On the same data and port. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

type Serializable<Options> = Omit<Options, 'clock' | 'logger' | 'randomness'>;

/** The mediator of a network in `directory`; its embedded Postgres dies with it. */
export function startKillableMediator(
  directory: string,
  options: Partial<Serializable<MediatorOptions>> = {},
): Promise<Killable<MediatorReady>> {
  const dataDir = join(directory, 'mediator');
  mkdirSync(dataDir, { recursive: true });
  const given = {
    dataDir,
    listen: { host: '127.0.0.1', port: 0 },
    network: 'regtest' as const,
    subnetRule: 'local' as const,
    welcomeSats: 1_000_000_000,
    ...options,
  };
  return startKillable<MediatorReady>('./run-mediator.ts', `${dataDir}.log`, dataDir, (ready) =>
    ready === undefined ? given : { ...given, listen: { host: '127.0.0.1', port: Number(portOf(ready.address)) } },
  );
}

export function startKillableNode(options: Serializable<StorageNodeOptions>): Promise<Killable<NodeReady>> {
  const { dataDir, listen } = options;
  mkdirSync(dataDir, { recursive: true });
  return startKillable<NodeReady>('./run-storage-node.ts', `${dataDir}.log`, dataDir, (ready) =>
    ready === undefined
      ? options
      : { ...options, listen: { host: listen.host, port: Number(ready.address.split(':').at(-1)) } },
  );
}

const portOf = (mediatorAddress: string): string => new URL(mediatorAddress).port;

const START_TRIES = 5;
const START_PAUSE_MS = 300;

async function startKillable<Ready>(
  script: string,
  logFile: string,
  dataDir: string,
  optionsAfter: (ready: Ready | undefined) => unknown,
): Promise<Killable<Ready>> {
  const logFd = openSync(logFile, 'a');
  let running: ServiceProcess<Ready> | undefined;
  let ready: Ready | undefined;
  const start = async (): Promise<void> => {
    for (let tries = 1; ; tries += 1) {
      try {
        running = await startProcess<Ready>(script, optionsAfter(ready), logFd);
        ready = running.ready;
        return;
      } catch (error) {
        // What the killed process held (a port, a database) may be let go of a moment later, as with a supervisor.
        if (ready === undefined || tries === START_TRIES) throw error;
        await sleep(START_PAUSE_MS);
      }
    }
  };
  await start();
  return {
    get ready() {
      return ready!;
    },
    dataDir,
    start,
    kill: async () => {
      await running?.kill();
      running = undefined;
    },
    stop: async () => {
      await running?.stop();
      running = undefined;
      closeSync(logFd);
    },
  };
}
