/** For tests: a Postgres of the test's own that is stopped and started again behind one address that stays. */
import { rmSync } from 'node:fs';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { createSilentLogger, type EmbeddedPostgres, startEmbeddedPostgres } from '@holdfast/platform';
import { freshDirectory } from './test-mediator.ts';

export interface RestartablePostgres {
  /** Always the same. */
  readonly url: string;
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRestartablePostgres(): Promise<RestartablePostgres> {
  const dataDir = freshDirectory();
  const start = (): Promise<EmbeddedPostgres> =>
    startEmbeddedPostgres({ dataDir, logger: createSilentLogger(), durability: 'test' });
  let server = await start();
  const sockets = new Set<Socket>();
  const door = createServer((client) => {
    const { hostname, port } = new URL(server.url);
    const behind = connect(Number(port), hostname);
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(door, 'listening');
  const url = new URL(server.url);
  url.hostname = '127.0.0.1';
  url.port = String((door.address() as AddressInfo).port);
  return {
    url: url.href,
    async restart() {
      await server.stop();
      server = await start();
    },
    async stop() {
      door.close();
      for (const socket of sockets) socket.destroy();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
