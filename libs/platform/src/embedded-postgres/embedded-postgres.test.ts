import { afterEach, describe, expect, test } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { cp, lstat, readlink } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { createCapturedLogger, createSilentLogger } from '../log.ts';
import { canReach, chooseAccount } from './account.ts';
import { findPackage, prepareBinaries } from './binaries.ts';
import { cleanEnvironment, clusterPaths, openCluster } from './cluster.ts';
import { createDatabase, dropDatabase, startEmbeddedPostgres, type EmbeddedPostgres } from './index.ts';
import { isAlive, readPostmasterFile, stopLeftover } from './leftover.ts';
import { startServer } from './server.ts';
import { templateDirectory } from './template.ts';

const isRoot = process.getuid?.() === 0;
const cleanups: (() => unknown)[] = [];

afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** A directory that every user can traverse. */
function freshDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'holdfast pg test-'));
  chmodSync(directory, 0o755);
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

async function startHere(
  dataDir: string,
  more: Partial<Parameters<typeof startEmbeddedPostgres>[0]> = {},
): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres({ dataDir, logger: createSilentLogger(), durability: 'test', ...more });
  cleanups.push(() => server.stop());
  return server;
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(statement)).rows;
  } finally {
    await client.end();
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 5_000; tries++) {
    if (await condition()) return;
    await delay(20);
  }
  throw new Error('it never came to be');
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Another Node process that starts the server on that directory and then sleeps; resolves with the server's pid. */
async function startElsewhere(dataDir: string): Promise<{ holder: ChildProcess; serverPid: number }> {
  const script = `
    import { startEmbeddedPostgres } from ${JSON.stringify(new URL('start.ts', import.meta.url).href)};
    import { createSilentLogger } from ${JSON.stringify(new URL('../log.ts', import.meta.url).href)};
    const server = await startEmbeddedPostgres({ dataDir: ${JSON.stringify(dataDir)}, logger: createSilentLogger(), durability: 'test' });
    console.log(server.pid);
    setInterval(() => undefined, 1_000);`;
  const holder = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  cleanups.push(() => holder.kill('SIGKILL'));
  const [line] = (await once(createInterface({ input: holder.stdout }), 'line')) as [string];
  return { holder, serverPid: Number(line) };
}

describe('a server in a directory', () => {
  test('starts from nothing, keeps its data over a restart, and wants its password', async () => {
    const dataDir = join(freshDirectory(), 'data');
    const first = await startHere(dataDir);
    expect(first.isTemporary).toBe(false);
    await query(first.url, "CREATE TABLE t (v text); INSERT INTO t VALUES ('kept')");
    const [settings] = await query(
      first.url,
      "SELECT current_database() AS db, current_setting('server_encoding') AS encoding, current_setting('unix_socket_directories') AS sockets, current_setting('listen_addresses') AS addresses",
    );
    expect(settings).toEqual({ db: 'holdfast', encoding: 'UTF8', sockets: '', addresses: '127.0.0.1' });
    const wrong = new URL(first.url);
    wrong.password = 'wrong';
    await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
    await first.stop();
    await first.stop();
    expect(isAlive(first.pid)).toBe(false);

    const second = await startHere(dataDir);
    expect(await query(second.url, 'SELECT v FROM t')).toEqual([{ v: 'kept' }]);
    const { password } = clusterPaths(dataDir);
    expect(statSync(password).mode & 0o777).toBe(0o600);
    expect(new URL(second.url).password).toBe(readFileSync(password, 'utf8').trim());
  });

  test('full durability leaves fsync on; settings win', async () => {
    const server = await startHere(join(freshDirectory(), 'data'), {
      durability: 'full',
      settings: { max_connections: '17' },
      database: 'other',
    });
    expect(
      await query(
        server.url,
        "SELECT current_setting('fsync') AS fsync, current_setting('max_connections') AS n, current_database() AS db",
      ),
    ).toEqual([{ fsync: 'on', n: '17', db: 'other' }]);
  });

  test('makes databases from a template and drops them under open connections', async () => {
    const server = await startHere(join(freshDirectory(), 'data'));
    await query(server.url, 'CREATE TABLE t AS SELECT 7 AS v');
    const copy = await createDatabase(server.adminUrl, 'a "copy"', { template: 'holdfast' });
    expect(await query(copy, 'SELECT v FROM t')).toEqual([{ v: 7 }]);
    const client = new pg.Client({ connectionString: copy });
    await client.connect();
    const cut = new Promise<unknown>((resolve) => client.on('error', resolve));
    await dropDatabase(server.adminUrl, 'a "copy"');
    expect(await cut).toMatchObject({ code: '57P01' });
    await expect(query(copy, 'SELECT 1')).rejects.toMatchObject({ code: '3D000' });
    await dropDatabase(server.adminUrl, 'a "copy"');
  });

  test('is refused to a second launcher while the first lives', async () => {
    const dataDir = join(freshDirectory(), 'data');
    const first = await startHere(dataDir);
    await expect(startHere(dataDir)).rejects.toMatchObject({
      code: 'file.locked',
      message: expect.stringContaining(`process ${process.pid}`),
    });
    expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('an interrupted initialisation leaves nothing that hinders the next', async () => {
    const dataDir = join(freshDirectory(), 'data');
    mkdirSync(join(dataDir, 'init-abc', 'cluster'), { recursive: true });
    writeFileSync(join(dataDir, 'init-abc', 'cluster', 'PG_VERSION'), '18\n');
    writeFileSync(join(dataDir, 'password'), 'of the cluster that never came to be\n');
    const server = await startHere(dataDir);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(readdirSync(dataDir).sort()).toEqual(['cluster', 'lock', 'lock.owner', 'password']);
  });

  test('with a place for a template, the first cluster is made and the next ones are copies of it', async () => {
    const [template, ...dataDirs] = [freshDirectory(), freshDirectory(), freshDirectory()];
    const passwords: string[] = [];
    for (const dataDir of dataDirs) {
      const paths = clusterPaths(dataDir);
      const account = chooseAccount(paths.cluster);
      const binaries = await prepareBinaries(findPackage(), account, () => Promise.resolve(dataDir));
      passwords.push(await openCluster(paths, binaries, account, { sync: false, template }));
    }
    expect(passwords[1]).toBe(passwords[0]);
    expect(readdirSync(template)).toEqual(['ready']);
    const [first, second] = await Promise.all(dataDirs.map((dataDir) => startHere(dataDir)));
    await query(first!.url, 'CREATE TABLE t AS SELECT 7 AS v');
    expect(await query(second!.url, "SELECT to_regclass('t') AS t")).toEqual([{ t: null }]);
  });

  test('says what the server says when it cannot start', async () => {
    const dataDir = join(freshDirectory(), 'data');
    const server = await startHere(dataDir);
    await server.stop();
    await expect(startHere(dataDir, { settings: { no_such_setting: '1' } })).rejects.toMatchObject({
      code: 'postgres.start-failed',
      message: expect.stringContaining('no_such_setting'),
    });
    writeFileSync(join(dataDir, 'cluster', 'PG_VERSION'), '9.6\n');
    await expect(startHere(dataDir)).rejects.toMatchObject({
      code: 'postgres.start-failed',
      message: expect.stringContaining('9.6'),
    });
    rmSync(join(dataDir, 'password'));
    await expect(startHere(dataDir)).rejects.toMatchObject({ code: 'postgres.password-missing' });
  });

  test('stands in a process group of its own, so that Ctrl-C reaches us first', async () => {
    const server = await startHere(join(freshDirectory(), 'data'));
    expect(() => process.kill(-server.pid, 0)).not.toThrow();
  });

  test('takes another port when somebody took the one that it saw free', async () => {
    const dataDir = freshDirectory();
    const paths = clusterPaths(dataDir);
    const account = chooseAccount(paths.cluster);
    const binaries = await prepareBinaries(findPackage(), account, () => Promise.resolve(dataDir));
    await openCluster(paths, binaries, account, { sync: false, template: templateDirectory() });
    const thief = createServer().listen(0, '127.0.0.1');
    await once(thief, 'listening');
    cleanups.push(() => thief.close());
    const taken = (thief.address() as AddressInfo).port;
    let asked = 0;
    const server = await startServer({
      postgres: binaries.postgres,
      cluster: paths.cluster,
      account,
      settings: { fsync: 'off' },
      logger: createSilentLogger(),
      sentinel: { watch: () => undefined, dismiss: () => undefined },
      startTimeoutMs: 60_000,
      stopTimeoutMs: 30_000,
      choosePort: () => (asked++ < 2 ? Promise.resolve(taken) : freePort()),
    });
    expect(server.port).not.toBe(taken);
    await server.stop();
    expect(asked).toBeGreaterThanOrEqual(3);
  });
});

describe('when its process is killed', () => {
  test('the server ends too, and the next start finds the data', async () => {
    const dataDir = join(freshDirectory(), 'data');
    const { holder, serverPid } = await startElsewhere(dataDir);
    expect(isAlive(serverPid)).toBe(true);
    holder.kill('SIGKILL');
    await until(() => !isAlive(serverPid));
    const server = await startHere(dataDir);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('and its sentinel with it, the next start stops the leftover first', async () => {
    const dataDir = join(freshDirectory(), 'data');
    const paths = clusterPaths(dataDir);
    mkdirSync(dataDir);
    const account = chooseAccount(paths.cluster);
    const binaries = await prepareBinaries(findPackage(), account, () => Promise.resolve(dataDir));
    await openCluster(paths, binaries, account, { sync: false, template: templateDirectory() });
    const orphan = spawn(
      binaries.postgres,
      [
        '-D',
        paths.cluster,
        '-c',
        'listen_addresses=127.0.0.1',
        '-c',
        `port=${await freePort()}`,
        '-c',
        'unix_socket_directories=',
      ],
      {
        ...account,
        cwd: '/',
        env: cleanEnvironment(),
        stdio: 'ignore',
        detached: true,
      },
    );
    const ended = once(orphan, 'exit');
    await until(async () => (await readPostmasterFile(paths.cluster))?.isReady === true);
    const log = createCapturedLogger();
    const server = await startHere(dataDir, { logger: log.logger });
    expect(await ended).toEqual([0, null]);
    expect(log.text()).toContain('left running');
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('a pid file that names somebody else’s process does not harm that process, nor hinder the start', async () => {
    const dataDir = join(freshDirectory(), 'data');
    const first = await startHere(dataDir);
    await first.stop();
    const bystander = spawn('/bin/sh', ['-c', 'sleep 60'], { stdio: 'ignore' });
    cleanups.push(() => bystander.kill('SIGKILL'));
    const pidFile = join(dataDir, 'cluster', 'postmaster.pid');
    writeFileSync(pidFile, `${bystander.pid}\n${join(dataDir, 'cluster')}\n1\n5432\n\n127.0.0.1\n 1 2\nready   \n`);
    const second = await startHere(dataDir);
    expect(await query(second.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(isAlive(bystander.pid!)).toBe(true);
  });

  test('a pid file without a process is Postgres’ own business', async () => {
    const dataDir = freshDirectory();
    mkdirSync(join(dataDir, 'cluster'));
    writeFileSync(join(dataDir, 'cluster', 'postmaster.pid'), 'not a number\n');
    await expect(stopLeftover(join(dataDir, 'cluster'), createSilentLogger())).resolves.toBeUndefined();
    expect(existsSync(join(dataDir, 'cluster', 'postmaster.pid'))).toBe(true);
  });
});

describe('the environment', () => {
  test('locale and connection variables do not reach the programs', () => {
    const before = { ...process.env };
    Object.assign(process.env, { LC_ALL: 'xx_YY.UTF-8', LANG: 'xx_YY', PGPORT: '1', PGDATA: '/nowhere', KEPT: 'yes' });
    try {
      const names = Object.keys(cleanEnvironment());
      expect(names).toContain('KEPT');
      expect(names.filter((name) => /^(LANG|LC_|PG)/.test(name))).toEqual([]);
    } finally {
      process.env = before;
    }
  });

  test('links that the package’s own step did not make are made', async () => {
    const copy = freshDirectory();
    await cp(findPackage(), copy, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !source.endsWith('.a'),
    });
    const links = (
      JSON.parse(readFileSync(join(copy, 'native', 'pg-symlinks.json'), 'utf8')) as { target: string }[]
    ).map((entry) => join(copy, entry.target));
    for (const link of links) rmSync(link, { force: true });
    const account = chooseAccount(join(copy, 'none'));
    const binaries = await prepareBinaries(copy, account, () => Promise.reject(new Error('no copy is needed')));
    for (const link of links) {
      expect((await lstat(link)).isSymbolicLink()).toBe(true);
      expect((await readlink(link)).startsWith('/')).toBe(false);
      expect(existsSync(link)).toBe(true);
    }
    expect(canReach(binaries.postgres, account)).toBe(true);
  });

  test('a package that is not whole is named', async () => {
    const broken = freshDirectory();
    await expect(prepareBinaries(broken, undefined, () => Promise.resolve(broken))).rejects.toMatchObject({
      code: 'postgres.binaries-missing',
    });
  });
});

function testsAsRoot(): void {
  test('programs that the server’s user cannot reach are copied', async () => {
    const closed = mkdtempSync(join(tmpdir(), 'holdfast-closed-'));
    cleanups.push(() => rmSync(closed, { recursive: true, force: true }));
    await cp(findPackage(), join(closed, 'package'), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => !source.endsWith('.a'),
    });
    const copies = freshDirectory();
    const account = chooseAccount(join(closed, 'none'));
    const binaries = await prepareBinaries(join(closed, 'package'), account, () => Promise.resolve(copies));
    expect(binaries.postgres.startsWith(copies)).toBe(true);
    expect(canReach(binaries.postgres, account)).toBe(true);
  });

  test('data that it cannot reach is refused, or temporary when that is asked for', async () => {
    const closed = mkdtempSync(join(tmpdir(), 'holdfast-closed-'));
    cleanups.push(() => rmSync(closed, { recursive: true, force: true }));
    const dataDir = join(closed, 'data');
    await expect(startHere(dataDir)).rejects.toMatchObject({ code: 'postgres.data-unreachable' });
    const before = new Set(readdirSync(tmpdir()));
    const server = await startHere(dataDir, { unreachableData: 'temporary' });
    expect(server.isTemporary).toBe(true);
    expect(await query(server.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    const made = readdirSync(tmpdir()).filter((name) => name.startsWith('holdfast-postgres-') && !before.has(name));
    expect(made).toHaveLength(1);
    await server.stop();
    expect(existsSync(join(tmpdir(), made[0]!))).toBe(false);
  });
}

// As an ordinary user there is no second user who could be kept out.
if (isRoot) {
  describe('as root', () => {
    testsAsRoot();
  });
}
