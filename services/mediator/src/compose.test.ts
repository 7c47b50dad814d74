/** Starting, stopping, starting again, and going on when the database was away. */
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { createMediatorApi, unwrap } from '@holdfast/http-api';
import { createCapturedLogger, createSimulatedClock } from '@holdfast/platform';
import { messageHash } from '@holdfast/protocol';
import { request } from 'undici';
import {
  commitPacks,
  emptyDatabase,
  freshDatabase,
  freshDirectory,
  holdDatabaseServer,
  keyFrom,
  makePack,
  openTestUpload,
  signHead,
  signInAs,
  START_MS,
  startTestMediator,
} from './testing/test-mediator.ts';
import { testWallet } from './testing/test-payout-options.ts';

let release: () => Promise<void>;
beforeAll(async () => {
  release = await holdDatabaseServer();
});
afterAll(() => release());

/** A relay before the database that can be cut. */
async function relayTo(url: string) {
  const { hostname, port } = new URL(url);
  const sockets = new Set<Socket>();
  let isCut = false;
  const server = createServer((incoming) => {
    if (isCut) {
      incoming.resetAndDestroy();
      return;
    }
    const outgoing = connect(Number(port), hostname);
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => sockets.delete(socket));
    }
    incoming.pipe(outgoing).pipe(incoming);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const relayed = new URL(url);
  relayed.port = String((server.address() as { port: number }).port);
  const cutAll = (): void => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: relayed.href,
    cut: () => {
      isCut = true;
      cutAll();
    },
    mend: () => {
      isCut = false;
    },
    close: () => {
      cutAll();
      server.close();
    },
  };
}

test('while the database is away every answer says so, nothing crashes, and all goes on when it is back', async () => {
  const relay = await relayTo(await freshDatabase());
  const log = createCapturedLogger('debug');
  const test = await startTestMediator({
    databaseUrl: relay.url,
    opsListen: { host: '127.0.0.1', port: 0 },
    logger: log.logger,
  });
  try {
    const nodes = await test.nodes(2);
    const client = await test.client();
    const upload = await openTestUpload(client, nodes, { dataShards: 1 });
    const pack = makePack(test, client, upload);
    const readiness = async () => (await request(`${test.mediator.opsUrl}/readyz`)).statusCode;
    expect(await readiness()).toBe(200);
    relay.cut();
    const away = expect.objectContaining({ code: 'database.unavailable' }) as unknown as Error;
    await expect(commitPacks(client, upload, [pack])).rejects.toThrow(away);
    await expect(unwrap(client.api.GET('/v1/vaults'))).rejects.toThrow(away);
    await expect(nodes[0]!.heartbeat()).rejects.toThrow(away);
    await expect(test.client()).rejects.toThrow(away);
    await expect(test.mediator.runJobs()).rejects.toThrow(away);
    expect(await readiness()).toBe(503);
    expect((await request(`${test.mediator.opsUrl}/healthz`)).statusCode).toBe(200);
    const metrics = await (await request(`${test.mediator.opsUrl}/metrics`)).body.text();
    expect(metrics).toMatch(/^holdfast_mediator_database_up 0$/m);
    relay.mend();
    expect(await readiness()).toBe(200);
    await commitPacks(client, upload, [pack]);
    await test.mediator.runJobs();
  } finally {
    await test.close();
    relay.close();
  }
  const text = log.text();
  expect(text).not.toContain(new URL(relay.url).password);
  expect(text).not.toMatch(/Bearer |BEGIN [A-Z ]*PRIVATE KEY/);
});

test('what was committed is there after a restart, and so are sessions, certificates and the address', async () => {
  const dataDir = freshDirectory();
  const databaseUrl = await freshDatabase();
  const clock = createSimulatedClock(START_MS);
  const first = await startTestMediator({ dataDir, databaseUrl, clock });
  const nodes = await first.nodes(2);
  const client = await first.client();
  const upload = await openTestUpload(client, nodes, { dataShards: 1 });
  const pack = makePack(first, client, upload);
  await commitPacks(client, upload, [pack]);
  const head = signHead(first, client, upload.vaultId, { sequence: 1 });
  const path = { params: { path: { vaultId: upload.vaultId } } };
  await unwrap(client.api.PUT('/v1/vaults/{vaultId}/head', { ...path, body: { head } }));
  await first.close();

  const { port } = new URL(first.mediator.baseUrl);
  const second = await startTestMediator({
    dataDir,
    databaseUrl,
    clock,
    listen: { host: '127.0.0.1', port: Number(port) },
  });
  try {
    expect(second.mediator.address).toBe(first.mediator.address);
    const { baseUrl } = second.mediator;
    const api = createMediatorApi({ baseUrl, dispatcher: second.dispatcher, session: () => client.session });
    expect(await unwrap(api.GET('/v1/vaults/{vaultId}/head', path))).toEqual({ head });
    expect((await unwrap(api.GET('/v1/vaults/{vaultId}/packs', path))).packIds).toEqual([pack.packId]);
    const next = signHead(second, client, upload.vaultId, { sequence: 2, previousHash: messageHash(head) });
    await unwrap(api.PUT('/v1/vaults/{vaultId}/head', { ...path, body: { head: next } }));
  } finally {
    await second.close();
  }
});

test('keys are readable by their owner only', async () => {
  const dataDir = freshDirectory();
  const test = await startTestMediator({ dataDir });
  try {
    for (const name of ['mediator.key', 'maskkey.key', 'ca.key']) {
      expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600);
    }
    expect(readFileSync(join(dataDir, 'ca.pem'), 'utf8')).toBe(test.mediator.caPem);
  } finally {
    await test.close();
  }
});

test('a database of another mediator, or sealed under another key, is refused', async () => {
  const databaseUrl = await freshDatabase();
  const dataDir = freshDirectory();
  const owner = await startTestMediator({ dataDir, databaseUrl });
  await owner.close();
  await expect(startTestMediator({ databaseUrl })).rejects.toMatchObject({ code: 'mediator.wrong-database' });
  await expect(startTestMediator({ dataDir, databaseUrl, network: 'signet' })).rejects.toMatchObject({
    code: 'mediator.wrong-database',
  });
  writeFileSync(join(dataDir, 'maskkey.key'), `${'0'.repeat(64)}\n`);
  await expect(startTestMediator({ dataDir, databaseUrl })).rejects.toMatchObject({ code: 'mediator.wrong-mask-key' });
  writeFileSync(join(dataDir, 'maskkey.key'), 'nonsense');
  await expect(startTestMediator({ dataDir, databaseUrl })).rejects.toMatchObject({ code: 'mediator.key-damaged' });
});

test('deposits may not go to the hot wallet’s own account', async () => {
  const accountKeyOf = (seed: number) => /wpkh.*?\](\w+)\/0/.exec(testWallet(seed).publicDescriptors.join(' '))![1]!;
  const dataDir = freshDirectory();
  const seedFile = join(dataDir, 'hot.seed');
  writeFileSync(seedFile, `${'01'.repeat(32)}\n`, { mode: 0o600 });
  const options = { dataDir, databaseUrl: await freshDatabase(), payouts: { hotWallet: { seedFile } } };
  await expect(startTestMediator({ ...options, deposits: { key: accountKeyOf(1) } })).rejects.toMatchObject({
    code: 'config.invalid',
    message: expect.stringContaining('HOLDFAST_DEPOSIT_XPUB is the account of the hot wallet'),
  });
  const mediator = await startTestMediator({ ...options, deposits: { key: accountKeyOf(2) } });
  await mediator.close();
});

test('two processes may start on one empty database at once', async () => {
  const databaseUrl = await emptyDatabase();
  const dataDir = freshDirectory();
  const keys = await startTestMediator({ dataDir });
  await keys.close();
  const both = await Promise.all([
    startTestMediator({ dataDir, databaseUrl }),
    startTestMediator({ dataDir, databaseUrl }),
  ]);
  const session = await signInAs(both[0], keyFrom('x'), 'client');
  const { baseUrl } = both[1].mediator;
  const api = createMediatorApi({ baseUrl, dispatcher: both[1].dispatcher, session: () => session });
  expect(await unwrap(api.GET('/v1/vaults'))).toEqual({ vaults: [] });
  for (const one of both) await one.close();
});

test('stopping answers what is under way', async () => {
  const test = await startTestMediator();
  const client = await test.client();
  const answers = Array.from({ length: 20 }, () => unwrap(client.api.GET('/v1/vaults')));
  await Promise.race(answers);
  const stopping = test.close();
  const outcomes = await Promise.allSettled(answers);
  await stopping;
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') {
      expect(outcome.reason).toMatchObject({ code: 'remote.unreachable' });
    }
  }
  expect(outcomes.some(({ status }) => status === 'fulfilled')).toBe(true);
});
