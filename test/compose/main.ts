/**
 * npm run test:compose: brings docker-compose.yml up for real under a project name of its own, backs a directory up through
 * the published ports, waits until all nodes have proven what they hold, stops two of the four, restores, compares every
 * byte, and takes everything down again.
 */
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compareTrees } from '@holdfast/testkit';
import { createCli } from '../demo/client.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PROJECT = `holdfast-test-${process.pid}`;

async function compose(...args: string[]): Promise<string> {
  const { stdout } = await run('docker', ['compose', '--project-name', PROJECT, ...args], {
    cwd: ROOT,
    env: { ...process.env, HOLDFAST_MEDIATOR_PERIOD: '10s' },
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

const PROVEN = `SELECT count(DISTINCT node_no) FROM challenges WHERE outcome = 'passed'`;
const NODES = 4;
const PATIENCE_MS = 180_000;

/** Challenged by way of Redis, over the links, and judged. */
async function waitForProofs(): Promise<void> {
  const end = performance.now() + PATIENCE_MS;
  for (;;) {
    const psql = `PGPASSWORD="$POSTGRES_PASSWORD" psql --no-password -U holdfast -d holdfast --tuples-only -c "${PROVEN}"`;
    const proven = Number(await compose('exec', '-T', 'postgres', 'sh', '-c', psql));
    if (proven === NODES) return;
    if (performance.now() > end) throw new Error(`only ${proven} of ${NODES} nodes proved anything in three minutes`);
    await sleep(2_000);
  }
}

const say = (text: string): void => void process.stdout.write(`${text}\n`);

async function journey(directory: string, signal: AbortSignal): Promise<void> {
  say('building the images and starting Postgres, Redis, the mediator and four storage nodes …');
  await compose('up', '--build', '--detach', '--wait', '--wait-timeout', '300');
  // inside the compose network the mediator is called `mediator`; from here it is its published port
  const address = (await compose('exec', '-T', 'mediator', 'cat', '/run/holdfast/address')).trim();
  const published = address.replace(/^holdfast:\/\/[^#]*/, 'holdfast://127.0.0.1:7700');

  const passphrase = join(directory, 'passphrase');
  writeFileSync(passphrase, 'only for this test\n', { mode: 0o600 });
  const cli = createCli(join(directory, 'client'), passphrase);
  const holdfast = async (...args: string[]): Promise<void> => {
    const { exitCode, lines } = await cli.run(args, signal);
    if (exitCode !== 0)
      throw new Error(`holdfast ${args[0]} ended with status ${exitCode}: ${JSON.stringify(lines.at(-1))}`);
  };
  await holdfast('init', '--mediator', published, '--policy', '2+2', '--words-file', join(directory, 'sheet'));
  const source = join(ROOT, 'libs', 'protocol');
  await holdfast('add', source);
  await holdfast('backup');
  say('backed up with 2+2 over four nodes; waiting until each has proven what it holds …');
  await waitForProofs();
  say('all four have; stopping two of them …');
  await compose('stop', 'node1', 'node3');
  const target = join(directory, 'restored');
  await holdfast('restore', '--target', target);
  const { differences, compared } = await compareTrees(source, join(target, source));
  if (differences.length > 0) throw new Error(`restored differently: ${JSON.stringify(differences.slice(0, 5))}`);
  say(`restored ${compared} entries from the other two, all identical`);
}

const directory = mkdtempSync(join(tmpdir(), 'holdfast-compose-'));
chmodSync(directory, 0o700);
const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
try {
  await journey(directory, interrupted.signal);
  say('1 passed, 0 failed');
} catch (error) {
  say(await compose('logs', '--tail', '60').catch(() => 'no logs'));
  say(`${(error as Error).message}\n0 passed, 1 failed`);
  process.exitCode = 1;
} finally {
  await compose('down', '--volumes', '--timeout', '10').catch((error: unknown) =>
    say(`down: ${(error as Error).message}`),
  );
  rmSync(directory, { recursive: true, force: true });
}
