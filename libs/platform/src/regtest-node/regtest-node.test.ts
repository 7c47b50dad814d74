/** A real node: started, asked, stopped, killed, left behind. Where there is none to be had, the reason fails the test. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeAll, expect, test } from '@jest/globals';
import { isAlive } from '../embedded-postgres/leftover.ts';
import { createCapturedLogger, createSilentLogger } from '../log.ts';
import { type RegtestNode, startRegtestNode } from './index.ts';

const FINDER = fileURLToPath(new URL('../../../../infra/bitcoin/get-bitcoind.mjs', import.meta.url));
const cleanups: (() => unknown)[] = [];
let program: string;

beforeAll(async () => {
  program = (await promisify(execFile)(process.execPath, [FINDER])).stdout.trim();
}, 300_000);
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function freshDirectory(): string {
  // A blank in the path, as on many a desktop.
  const directory = mkdtempSync(join(tmpdir(), 'holdfast node test-'));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function start(dataDir: string, logger = createSilentLogger()): Promise<RegtestNode> {
  const node = await startRegtestNode({ dataDir, program, logger });
  cleanups.push(() => node.kill());
  return node;
}

async function ask(node: RegtestNode, method: string, params: unknown[] = []): Promise<unknown> {
  const authorization = `Basic ${Buffer.from(readFileSync(node.cookieFile)).toString('base64')}`;
  const body = JSON.stringify({ id: 1, method, params });
  const answer = await fetch(node.url, { method: 'POST', headers: { authorization }, body });
  return ((await answer.json()) as { result: unknown }).result;
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(20);
}

/** Somewhere on the chain's first address; nobody spends it. */
const MINED_TO = 'bcrt1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqdku202';

test('it is on regtest, keeps its chain, and stops when it is told to', async () => {
  const dataDir = join(freshDirectory(), 'data');
  const node = await start(dataDir);
  expect(await ask(node, 'getblockchaininfo')).toMatchObject({ chain: 'regtest', blocks: 0 });
  expect(new URL(node.url).hostname).toBe('127.0.0.1');
  expect(await ask(node, 'getconnectioncount')).toBe(0);
  await ask(node, 'generatetoaddress', [3, MINED_TO]);
  await Promise.all([node.stop(), node.stop()]);
  expect(isAlive(node.pid)).toBe(false);
  expect(await ask(await start(dataDir), 'getblockcount')).toBe(3);
});

test('one process at a time uses a directory', async () => {
  const dataDir = freshDirectory();
  const node = await start(dataDir);
  await expect(start(dataDir)).rejects.toMatchObject({ code: 'file.locked' });
  await node.stop();
  expect(await ask(await start(dataDir), 'getblockcount')).toBe(0);
});

test('after a kill the next start works, and the log said that it ended by itself only where it did', async () => {
  const dataDir = freshDirectory();
  const { logger, text } = createCapturedLogger();
  const first = await start(dataDir, logger);
  await first.kill();
  expect(text()).not.toContain('by itself');
  const second = await start(dataDir, logger);
  process.kill(second.pid, 'SIGKILL');
  await until(() => text().includes('by itself'));
  await second.stop();
  expect(await ask(await start(dataDir, logger), 'getblockcount')).toBe(0);
});

test('it says why it does not start', async () => {
  const dataDir = freshDirectory();
  const bad = { dataDir, program, logger: createSilentLogger(), settings: { nosuchsetting: '1' } };
  await expect(startRegtestNode(bad)).rejects.toMatchObject({
    code: 'bitcoind.start-failed',
    message: expect.stringContaining('nosuchsetting'),
  });
  await expect(startRegtestNode({ ...bad, program: join(dataDir, 'nowhere') })).rejects.toMatchObject({
    code: 'bitcoind.start-failed',
    message: expect.stringContaining('ENOENT'),
  });
  expect(await ask(await start(dataDir), 'getblockcount')).toBe(0);
});

test('when its process is killed, the node ends too', async () => {
  const directory = freshDirectory();
  const script = join(directory, 'holder.ts');
  const launcher = fileURLToPath(new URL('./index.ts', import.meta.url));
  const log = fileURLToPath(new URL('../log.ts', import.meta.url));
  writeFileSync(
    script,
    `import { startRegtestNode } from ${JSON.stringify(launcher)};
import { createSilentLogger } from ${JSON.stringify(log)};
const [dataDir, program] = process.argv.slice(2);
const node = await startRegtestNode({ dataDir, program, logger: createSilentLogger() });
console.log(node.pid);
setInterval(() => undefined, 1000);
`,
  );
  const dataDir = join(directory, 'data');
  const holder = spawn(process.execPath, ['-C', '@holdfast/source', script, dataDir, program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  cleanups.push(() => holder.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: holder.stdout }), 'line')) as [string];
  const pid = Number(line);
  expect(isAlive(pid)).toBe(true);
  holder.kill('SIGKILL');
  await until(() => !isAlive(pid));
  expect(await ask(await start(dataDir), 'getblockcount')).toBe(0);
});

test('a node that was left running there is stopped first', async () => {
  const dataDir = freshDirectory();
  const orphan = spawn(
    program,
    [
      '-regtest',
      `-datadir=${dataDir}`,
      `-pid=${join(dataDir, 'bitcoind.pid')}`,
      '-listen=0',
      '-server=0',
      '-connect=0',
    ],
    { detached: true, stdio: 'ignore' },
  );
  const ended = once(orphan, 'exit');
  cleanups.push(() => orphan.kill('SIGKILL'));
  const isThere = (): boolean => {
    try {
      return Number(readFileSync(join(dataDir, 'bitcoind.pid'), 'utf8')) > 0;
    } catch {
      return false;
    }
  };
  await until(isThere);
  const node = await start(dataDir);
  await ended;
  expect(await ask(node, 'getblockcount')).toBe(0);
});
