/** For tests: a Postgres of the test's own that is stopped and started again behind one address that stays. */
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { createSilentLogger, type EmbeddedPostgres, startEmbeddedPostgres } from '@holdfast/platform';
import { openDoor } from './test-door.ts';
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
  const door = await openDoor(() => {
    const { hostname, port } = new URL(server.url);
    return connect(Number(port), hostname);
  });
  const url = new URL(server.url);
  url.hostname = '127.0.0.1';
  url.port = String(door.port);
  return {
    url: url.href,
    async restart() {
      await server.stop();
      server = await start();
    },
    async stop() {
      door.close();
      await server.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
