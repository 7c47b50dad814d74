/** Links over real TLS: what is said and pushed, by which process, and what becomes of nodes that misbehave or fall silent. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { connect as connectTls } from 'node:tls';
import { mediatorUri, pinnedConnectOptions } from '@holdfast/platform';
import { LINK_PATH, LINK_PROTOCOL, MAX_TEXT_FROM_NODE_BYTES } from '@holdfast/protocol';
import pg from 'pg';
import type { TestLink } from '../testing/test-link.ts';
import {
  commitPacks,
  freshDatabase,
  freshDirectory,
  freshId,
  holdDatabaseServer,
  makePack,
  openTestUpload,
  startTestMediator,
  type TestMediator,
  type TestNode,
} from '../testing/test-mediator.ts';

const QUICK = { pingMs: 100, idleMs: 2_000, pollMs: 200, closeMs: 1_000, helloMs: 4_000 };
/** For what happens by itself; generous, since nothing is asserted about time. */
const soon = async (what: () => boolean | Promise<boolean>): Promise<void> => {
  for (let tries = 0; tries < 2_000; tries += 1) {
    if (await what()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not happen');
};
const failure = (code: string): unknown => expect.objectContaining({ code });
const figures = { usedBytes: 0, freeBytes: 1e12, carriedOutOrder: 0 };
const hello = { type: 'hello', protocol: LINK_PROTOCOL, version: '1', ...figures } as const;

let release: () => Promise<void>;
let databaseUrl: string;
let dataDir: string;
let first: TestMediator;
let database: pg.Client;
let links: TestLink[];
beforeAll(async () => {
  release = await holdDatabaseServer();
  databaseUrl = await freshDatabase();
  dataDir = freshDirectory();
  first = await startTestMediator({
    databaseUrl,
    dataDir,
    link: QUICK,
    opsListen: { host: '127.0.0.1', port: 0 },
  });
  database = new pg.Client({ connectionString: databaseUrl });
  await database.connect();
});
afterAll(async () => {
  await database.end();
  await first.close();
  await release();
});
beforeEach(() => {
  links = [];
});
afterEach(async () => {
  await Promise.all(links.map((link) => link.close()));
});

async function linkOf(node: TestNode, options = {}, baseUrl?: string): Promise<TestLink> {
  const link = await node.link(options, baseUrl);
  links.push(link);
  return link;
}
const lastWord = async (link: TestLink): Promise<unknown> => {
  await link.ended;
  const last = link.heard.at(-1);
  return last?.type === 'bye' ? last.code : last?.type;
};

/** A vault with an upload open at these nodes; each call of the result commits a pack and so gives each of them an order. */
async function orderMaker(nodes: readonly TestNode[]): Promise<() => Promise<unknown>> {
  const client = await first.client();
  const region = `only-${client.clientId.slice(0, 8)}`;
  for (const node of nodes) await node.register({ region });
  const vaultId = freshId(16);
  const policy = { dataShards: nodes.length / 2, parityShards: nodes.length / 2 };
  await client.newVault(vaultId, { policy, regions: [region] });
  const upload = await openTestUpload(client, nodes, { vaultId, dataShards: policy.dataShards });
  return () => commitPacks(client, upload, [makePack(first, client, upload)]);
}

describe('a link', () => {
  test('is refused what is said out of turn, in another protocol, malformed or too long', async () => {
    const node = await first.node({ joins: false });
    const wrong: [string, string | Buffer][] = [
      ['link.out-of-turn', JSON.stringify({ type: 'heartbeat', beat: 1, ...figures })],
      ['link.wrong-protocol', JSON.stringify({ ...hello, protocol: 99 })],
      ['link.malformed', '{'],
      ['link.malformed', JSON.stringify({ ...hello, freeBytes: '1' })],
      ['input.too-large', JSON.stringify({ ...hello, version: 'x'.repeat(MAX_TEXT_FROM_NODE_BYTES) })],
      ['proof.malformed', Buffer.from('no proof')],
    ];
    for (const [code, message] of wrong) {
      const link = await linkOf(node);
      link.socket.send(message);
      expect([code, await lastWord(link)]).toEqual([code, code]);
    }
    const twice = await linkOf(node);
    await twice.hello();
    twice.say(hello);
    expect(await lastWord(twice)).toBe('link.out-of-turn');
    const silent = await linkOf(node);
    expect(await lastWord(silent)).toBe('link.out-of-turn');
  });

  test('is cut when a large message begins that nobody asked for, whole or in pieces', async () => {
    const node = await first.node({ joins: false });
    for (const pieces of [1, 64]) {
      const link = await linkOf(node);
      await link.hello();
      const piece = Buffer.alloc(4_000_000 / pieces);
      for (let sent = 1; sent <= pieces; sent += 1) link.socket.send(piece, { fin: sent === pieces }, () => undefined);
      await link.ended;
      expect(link.heard.some(({ type }) => type === 'refused' || type === 'accepted')).toBe(false);
    }
  });

  test('takes no frames that are none', async () => {
    const { caPem, mediatorId, baseUrl } = first.mediator;
    const node = await first.node({ joins: false });
    const link = await linkOf(node);
    await link.hello();
    // Straight to the line, past the WebSocket's framing.
    const stream = (link.socket as unknown as { _socket: NodeJS.WritableStream })._socket;
    stream.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await link.ended;
    // And without a certificate there is no upgrade at all.
    const bare = connectTls({
      ...pinnedConnectOptions({ caPem, expectUri: mediatorUri(mediatorId) }),
      port: Number(new URL(baseUrl).port),
      host: '127.0.0.1',
    });
    const answer = new Promise<string>((resolve) => {
      let text = '';
      bare.on('data', (part: Buffer) => (text += part.toString()));
      bare.on('close', () => resolve(text));
      bare.on('error', () => resolve(text));
    });
    bare.write(
      `GET ${LINK_PATH} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\n\r\n`,
    );
    await soon(() => bare.bytesRead > 0);
    bare.destroy();
    expect(await answer).toMatch(/^HTTP\/1\.1 401 /);
  });

  test('is replaced by the next one of the same node', async () => {
    const node = await first.node({ joins: false });
    const [before, after] = [await linkOf(node), await linkOf(node)];
    await before.hello().catch(() => undefined);
    expect(await lastWord(before)).toBe('link.replaced');
    expect((await after.hello()).orders).toEqual([]);
    expect((await after.heartbeat()).orders).toEqual([]);
  });

  test('without a sign of life is given up; one that answers pings stays', async () => {
    const node = await first.node({ joins: false });
    const other = await first.node({ joins: false });
    const [mute, alive] = [await linkOf(node, { autoPong: false }), await linkOf(other)];
    await mute.hello();
    await alive.hello();
    await mute.ended;
    expect((await alive.heartbeat()).orders).toEqual([]);
  });

  test('ends when its certificate is revoked', async () => {
    const node = await first.node({ joins: false });
    const link = await linkOf(node);
    await link.hello();
    await database.query(`UPDATE node_certificates SET revoked_at_ms = 1 WHERE node_id = '\\x${node.nodeId}'`);
    expect(await lastWord(link)).toBe('auth.certificate-required');
    await expect(linkOf(node)).rejects.toThrow(failure('auth.certificate-required'));
  });

  test('that is flooded answers everything in order, no faster than allowed', async () => {
    const node = await first.node({ joins: false });
    const slow = await startTestMediator({ databaseUrl, dataDir, link: { ...QUICK, burst: 5, perSecond: 200 } });
    const link = await linkOf(node, {}, slow.mediator.baseUrl);
    await link.hello();
    const count = 100;
    for (let beat = 1; beat <= count; beat += 1) link.say({ type: 'heartbeat', beat, ...figures });
    const answers = () => link.heard.flatMap((message) => (message.type === 'orders' ? [message.beat] : []));
    await soon(() => answers().at(-1) === count);
    expect(answers().slice(1)).toEqual(Array.from({ length: count }, (_, at) => at + 1));
    await link.close();
    await slow.close();
  });
});

describe('a node that does not read', () => {
  test('is dropped, with no more than one message waiting for it, and the others never notice', async () => {
    const [greedy, honest] = [await first.node(), await first.node()];
    await database.query(
      `INSERT INTO orders (node_no, order_no, kind, client_id, shards, created_at_ms)
       SELECT node_no, number, 'delete', $2, (SELECT jsonb_agg(jsonb_build_array(repeat('ab', 32), 1)) FROM generate_series(1, 9000)), 1
       FROM nodes, generate_series(1, 3) AS number WHERE node_id = $1`,
      [Buffer.from(greedy.nodeId, 'hex'), Buffer.alloc(32, 1)],
    );
    await database.query('UPDATE nodes SET last_order = 3 WHERE node_id = $1', [Buffer.from(greedy.nodeId, 'hex')]);
    const link = await linkOf(greedy);
    expect((await link.hello()).orders).toHaveLength(1);
    link.socket.pause();
    const other = await linkOf(honest);
    await other.hello();
    for (let beat = 1; beat <= 60; beat += 1) link.say({ type: 'heartbeat', beat, ...figures });
    await soon(async () => {
      await other.heartbeat();
      return (await metricOf(first, 'links')) === 1;
    });
    link.socket.resume();
    await link.ended;
  });
});

/** From the process itself: links are counted where they are. */
async function metricOf(mediator: TestMediator, name: string): Promise<number> {
  const text = await (await fetch(`${mediator.mediator.opsUrl}/metrics`)).text();
  return Number(new RegExp(`^holdfast_mediator_${name} (\\d+)$`, 'm').exec(text)?.[1]);
}

describe('orders', () => {
  test('are pushed as they come up, again after a reconnect, and not once they are carried out', async () => {
    const nodes = await first.nodes(4);
    const commit = await orderMaker(nodes);
    const node = nodes[0]!;
    const link = await linkOf(node);
    expect((await link.hello()).orders).toEqual([]);
    await commit();
    const pushed = await link.hear('orders');
    expect(pushed).toMatchObject({ beat: 0, orders: [{ order: 1, kind: 'committed' }] });
    // Nothing more comes before this was carried out; then all at once.
    await commit();
    await commit();
    link.say({ type: 'carried-out', order: 1, uncommitted: [] });
    const next: number[] = [];
    while (!next.includes(3)) {
      const { orders } = await link.hear('orders');
      next.push(...orders.map(({ order }) => order));
      link.say({ type: 'carried-out', order: next.at(-1)!, uncommitted: [] });
    }
    expect(next).toEqual([2, 3]);
    await link.close();
    const again = await linkOf(node);
    expect((await again.hello({ carriedOutOrder: 1 })).orders.map(({ order }) => order)).toEqual([2, 3]);
    expect((await again.heartbeat({ carriedOutOrder: 3 })).orders).toEqual([]);
    await soon(async () => {
      const query = `SELECT carried_out_order FROM nodes WHERE node_id = '\\x${node.nodeId}'`;
      return (await database.query<{ carried_out_order: string }>(query)).rows[0]!.carried_out_order === '3';
    });
  });
});

describe('two processes on one database', () => {
  let second: TestMediator;
  beforeAll(async () => {
    second = await startTestMediator({ databaseUrl, dataDir, clock: first.clock, link: QUICK });
  });
  afterAll(() => second.close());

  test('share the nodes: what one takes, the other pushes', async () => {
    const nodes = await first.nodes(4);
    const link = await linkOf(nodes[0]!, {}, second.mediator.baseUrl);
    await link.hello();
    await (
      await orderMaker(nodes)
    )();
    expect(await link.hear('orders')).toMatchObject({ orders: [{ order: 1 }] });
  });

  test('a node that connects to one is let go by the other', async () => {
    const node = await first.node();
    const before = await linkOf(node);
    await before.hello();
    const after = await linkOf(node, {}, second.mediator.baseUrl);
    await after.hello();
    expect(await lastWord(before)).toBe('link.replaced');
    expect((await after.heartbeat()).orders).toEqual([]);
  });

  test('news that nobody was told are found, also after the listening connections broke', async () => {
    const nodes = await first.nodes(4);
    const node = nodes[0]!;
    const link = await linkOf(node, {}, second.mediator.baseUrl);
    await link.hello();
    // As if the process that took the commit had died before it could tell.
    const untold = (order: number) =>
      database.query(
        `WITH node AS (UPDATE nodes SET last_order = ${order} WHERE node_id = '\\x${node.nodeId}' RETURNING node_no)
         INSERT INTO orders (node_no, order_no, kind, client_id, upload_id, created_at_ms)
         SELECT node_no, ${order}, 'discard-upload', $1, $2, 1 FROM node`,
        [Buffer.alloc(32), Buffer.alloc(16)],
      );
    await untold(1);
    expect(await link.hear('orders')).toMatchObject({ orders: [{ order: 1, kind: 'discard-upload' }] });
    link.say({ type: 'carried-out', order: 1, uncommitted: [] });
    const listeners = `SELECT pid FROM pg_stat_activity WHERE application_name = 'holdfast-mediator-news' AND datname = current_database()`;
    const before = (await database.query<{ pid: number }>(listeners)).rows.map(({ pid }) => pid);
    expect(before).toHaveLength(2);
    await database.query(`SELECT pg_terminate_backend(pid) FROM (${listeners}) AS listener`);
    await untold(2);
    expect(await link.hear('orders')).toMatchObject({ orders: [{ order: 2 }] });
    link.say({ type: 'carried-out', order: 2, uncommitted: [] });
    // They are back, and are heard again.
    await soon(async () => {
      const now = (await database.query<{ pid: number }>(listeners)).rows.map(({ pid }) => pid);
      return now.length === 2 && now.every((pid) => !before.includes(pid));
    });
    await (
      await orderMaker(nodes)
    )();
    expect(await link.hear('orders')).toMatchObject({ orders: [{ order: 3, kind: 'committed' }] });
  });

  test('one that stops says good-bye, and its nodes go on at the other', async () => {
    const node = await first.node();
    const third = await startTestMediator({ databaseUrl, dataDir, link: QUICK });
    const link = await linkOf(node, {}, third.mediator.baseUrl);
    await link.hello();
    const [, word] = await Promise.all([third.close(), lastWord(link)]);
    expect(word).toBe('link.closing');
    expect((await (await linkOf(node, {}, second.mediator.baseUrl)).hello()).orders).toEqual([]);
  });
});
