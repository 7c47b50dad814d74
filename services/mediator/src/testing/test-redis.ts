/** For tests: a Redis server of the test's own, which can be ended and started again on the same port, empty. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

interface TestRedis {
  readonly url: string;
  start(): Promise<void>;
  /** Without a goodbye: what it held is gone. */
  kill(): Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

export async function createTestRedis(program: string): Promise<TestRedis> {
  const port = await freePort();
  let server: ChildProcess | undefined;
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
      socket.unref();
      socket.end();
    });
  return {
    url: `redis://127.0.0.1:${port}`,
    async start() {
      const settings = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
      server = spawn(program, settings, { stdio: 'ignore' });
      while (!(await answers())) await sleep(20);
    },
    async kill() {
      const ended = server;
      server = undefined;
      if (ended === undefined || ended.exitCode !== null) return;
      ended.kill('SIGKILL');
      await once(ended, 'exit');
    },
  };
}
