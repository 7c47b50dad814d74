/** Who is measured: restic through its REST backend, and Holdfast over eight node processes. Both on loopback, defaults, warm cache. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { MediatorOptions } from '@holdfast/mediator';
import type { StorageNodeOptions } from '@holdfast/storage-node';
import { programPath } from '@holdfast/testkit';
import { OPERATORS, priceOf } from '../operators.ts';
import { startProcess } from '../processes.ts';
import type { MediatorReady } from '../run-mediator.ts';
import type { NodeReady } from '../run-storage-node.ts';
import { type Measurement, measure } from './measure.ts';

/** One way to back a directory up, fresh for each round: nothing stored, nothing known. */
export interface Contender {
  readonly name: string;
  prepare(round: string): Promise<Round>;
}

export interface Round {
  backup(source: string): Promise<Measurement>;
  restore(target: string): Promise<Measurement>;
  end(): Promise<void>;
}

export async function createRestic(directory: string): Promise<Contender> {
  const [restic, rclone] = [await programPath('restic'), await programPath('rclone')];
  return {
    name: 'restic',
    async prepare(round) {
      const home = join(directory, `restic-${round}`);
      await mkdir(join(home, 'repo'), { recursive: true });
      const port = await freePort();
      const log = openSync(join(home, 'rclone.log'), 'a');
      const server = spawn(rclone, ['serve', 'restic', '--addr', `127.0.0.1:${port}`, join(home, 'repo')], {
        stdio: ['ignore', log, log],
        env: { ...process.env, RCLONE_CONFIG: join(home, 'rclone.conf') },
      });
      const env = {
        ...process.env,
        RESTIC_REPOSITORY: `rest:http://127.0.0.1:${port}/`,
        RESTIC_PASSWORD: 'bench',
        RESTIC_CACHE_DIR: join(home, 'cache'),
        RESTIC_PROGRESS_FPS: '0.1',
      };
      await untilItAnswers(port);
      await measure(restic, ['init'], env);
      return {
        backup: (source) => measure(restic, ['backup', '--quiet', source], env),
        restore: (target) => measure(restic, ['restore', 'latest', '--quiet', '--target', target], env),
        end: async () => {
          server.kill('SIGTERM');
          await once(server, 'exit');
          await rm(home, { recursive: true, force: true });
        },
      };
    },
  };
}

const SERVICES = new URL('../../services/', import.meta.url);

export function createHoldfast(directory: string): Contender {
  return {
    name: 'holdfast',
    async prepare(round) {
      const home = join(directory, `holdfast-${round}`);
      await mkdir(home, { recursive: true });
      const log = openSync(join(home, 'services.log'), 'a');
      const mediatorOptions: MediatorOptions = {
        dataDir: join(home, 'mediator'),
        listen: { host: '127.0.0.1', port: 0 },
        network: 'regtest',
        subnetRule: 'local',
        welcomeSats: 1_000_000_000,
      };
      const mediator = await startProcess<MediatorReady>('run-mediator.ts', mediatorOptions, log);
      const nodes = await Promise.all(
        OPERATORS.slice(0, 8).map((operator, index) => {
          const options: StorageNodeOptions = {
            dataDir: join(home, operator),
            mediator: mediator.ready.address,
            listen: { host: `127.0.${index + 1}.1`, port: 0 },
            operator,
            region: 'local',
            priceSatPerTbMonth: priceOf(index),
            capacityBytes: 40_000_000_000,
            network: 'regtest',
          };
          return startProcess<NodeReady>('run-storage-node.ts', options, log);
        }),
      );
      const passphrase = join(home, 'passphrase');
      writeFileSync(passphrase, 'bench\n', { mode: 0o600 });
      const env = { ...process.env, HOLDFAST_HOME: join(home, 'client'), HOLDFAST_PASSPHRASE_FILE: passphrase };
      const holdfast = (...args: string[]): Promise<Measurement> =>
        measure(
          process.execPath,
          [
            '--disable-warning=ExperimentalWarning',
            '-C',
            '@holdfast/source',
            fileURLToPath(new URL('client/src/main.ts', SERVICES)),
            ...args,
          ],
          env,
        );
      const words = join(home, 'sheet');
      await holdfast('init', '--mediator', mediator.ready.address, '--policy', '4+4', '--words-file', words);
      return {
        backup: async (source) => {
          await holdfast('add', source);
          return holdfast('backup');
        },
        restore: (target) => holdfast('restore', '--target', target),
        end: async () => {
          await Promise.all(nodes.map((node) => node.stop()));
          await mediator.stop();
          await rm(home, { recursive: true, force: true });
        },
      };
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

async function untilItAnswers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      () => true,
      () => false,
    );
    if (answered) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`nothing answers on port ${port}`);
}

/** The machine, for the report. */
export const machine = (): string => {
  const model = /model name\s*: (.*)/.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1] ?? 'unknown processor';
  return `${model}, ${readFileSync('/proc/cpuinfo', 'utf8').match(/^processor/gm)!.length} cores`;
};
