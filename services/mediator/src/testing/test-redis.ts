/** For tests: a Redis server of the test's own behind one address that stays, which is ended and started again, empty. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openDoor } from './test-door.ts';
import { freshDirectory } from './test-mediator.ts';

interface TestRedis {
  /** Always the same. */
  readonly url: string;
  start(): Promise<void>;
  /** Without a goodbye: what it held is gone. */
  kill(): Promise<void>;
  stop(): Promise<void>;
}

export async function createTestRedis(program: string): Promise<TestRedis> {
  const directory = freshDirectory();
  // The server itself has no port, which somebody else could take while it is away.
  const path = join(directory, 'socket');
  let server: ChildProcess | undefined;
  const door = await openDoor(() => connect(path));
  const answers = (): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = connect(path, () => resolve(true)).on('error', () => resolve(false));
      socket.unref();
      socket.end();
    });
  const kill = async (): Promise<void> => {
    const ended = server;
    server = undefined;
    if (ended === undefined || ended.exitCode !== null) return;
    ended.kill('SIGKILL');
    await once(ended, 'exit');
  };
  return {
    url: `redis://127.0.0.1:${door.port}`,
    async start() {
      const settings = ['--port', '0', '--unixsocket', path, '--save', '', '--appendonly', 'no', '--dir', directory];
      server = spawn(program, settings, { stdio: 'ignore' });
      while (!(await answers())) await sleep(20);
    },
    kill,
    async stop() {
      await kill();
      door.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
