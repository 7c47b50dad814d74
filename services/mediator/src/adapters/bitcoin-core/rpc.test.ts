import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { createRpc, type Rpc, RpcError } from './rpc.ts';

let server: Server;
let directory: string;
let answer: (request: IncomingMessage, response: ServerResponse, body: string) => void;
let asked: { readonly path: string; readonly authorization: string; readonly body: string }[];
const rpcs: Rpc[] = [];

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'holdfast-rpc-'));
  asked = [];
  server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      asked.push({ path: request.url ?? '', authorization: request.headers.authorization ?? '', body });
      answer(request, response, body);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterEach(async () => {
  for (const rpc of rpcs.splice(0)) await rpc.close();
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const address = (): string => `127.0.0.1:${(server.address() as AddressInfo).port}`;
const open = (options: Partial<Parameters<typeof createRpc>[0]> = {}): Rpc => {
  const rpc = createRpc({ url: `http://user:p%40ss@${address()}/`, ...options });
  rpcs.push(rpc);
  return rpc;
};
const json =
  (value: unknown, status = 200) =>
  (_: IncomingMessage, response: ServerResponse): void => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;

test('user and password come from the URL, the wallet stands in the path', async () => {
  answer = json({ result: 7 });
  expect(await open().call('getblockcount', [], { wallet: 'holdfast-deposits' })).toBe(7);
  expect(asked[0]).toMatchObject({ path: '/wallet/holdfast-deposits', authorization: basic('user:p@ss') });
});

test('a cookie is read anew each time: the node writes another one at each start', async () => {
  const cookieFile = join(directory, '.cookie');
  answer = json({ result: null });
  const rpc = open({ url: `http://${address()}`, cookieFile });
  await expect(rpc.call('uptime')).rejects.toMatchObject({ code: 'rail.away', message: /cookie/ });
  for (const cookie of ['__cookie__:one', '__cookie__:two']) {
    writeFileSync(cookieFile, `${cookie}\n`);
    expect(await rpc.call('uptime')).toBeNull();
    expect(asked.at(-1)?.authorization).toBe(basic(cookie));
  }
});

test('a no of the node is not an absence of it', async () => {
  answer = json({ result: null, error: { code: -8, message: 'Block height out of range' } }, 500);
  await expect(open().call('getblockhash', [9])).rejects.toMatchObject({ name: 'RpcError', code: -8 });
  expect(asked).toHaveLength(1);
});

test.each([
  ['it is starting', json({ error: { code: -28, message: 'Loading block index…' } }, 500), /still starting/],
  ['our password is wrong', json({}, 401), /user name and password/],
  ['we may not call it', json({}, 403), /rpcallowip/],
  [
    'it is overloaded',
    (_: unknown, r: ServerResponse) => void r.writeHead(503).end('Work queue depth exceeded'),
    /503/,
  ],
  ['something else answers', (_: unknown, r: ServerResponse) => void r.end('<html>'), /HTTP status 200/],
  ['it answers nothing of use', json({}), /not one of a Bitcoin node/],
])('when %s, it is away, with the reason', async (_, does, message) => {
  answer = does;
  await expect(open().call('uptime')).rejects.toMatchObject({ code: 'rail.away', message });
});

test('a reading is asked again when the line breaks, a writing is sent once', async () => {
  answer = (request) => request.socket.destroy();
  await expect(open().call('uptime')).rejects.toMatchObject({ code: 'rail.away' });
  expect(asked).toHaveLength(3);
  asked = [];
  await expect(open().call('sendrawtransaction', ['00'], { isWrite: true })).rejects.toMatchObject({
    code: 'rail.away',
  });
  expect(asked).toHaveLength(1);
  answer = (request, response) =>
    asked.length < 3 ? request.socket.destroy() : json({ result: 1 })(request, response);
  expect(await open().call('uptime')).toBe(1);
});

test('an answer that does not come in time is not waited for, nor one that is too large', async () => {
  answer = () => undefined;
  // Long enough for the question to arrive on a busy machine.
  await expect(open({ timeoutMs: 1_500 }).call('uptime')).rejects.toMatchObject({
    code: 'rail.away',
    message: /in time/,
  });
  expect(asked).toHaveLength(1);
  answer = json({ result: 'x'.repeat(5_000) });
  const small = open({ maxAnswerBytes: 1_000 });
  await expect(small.call('uptime')).rejects.toMatchObject({ code: 'rail.away', message: /larger than 1000 bytes/ });
});

test('a batch gives each answer in its place, whatever their order, and errors in theirs', async () => {
  answer = (request, response, body) => {
    const calls = JSON.parse(body) as { id: number; params: [number] }[];
    const answers = calls.map(({ id, params: [value] }) =>
      value % 2 === 0 ? { id, result: value } : { id, error: { code: -5, message: `odd ${value}` } },
    );
    json(answers.reverse())(request, response);
  };
  const calls = Array.from({ length: 450 }, (_, value) => ({ method: 'echo', params: [value] }));
  const results = await open().batch<number>(calls);
  expect(results.map((result) => (result instanceof RpcError ? result.message : result))).toEqual(
    calls.map(({ params: [value] }) => (value! % 2 === 0 ? value : `odd ${value}`)),
  );
  expect(asked).toHaveLength(3);
  answer = json({ error: { code: -28, message: 'Verifying blocks…' } }, 500);
  await expect(open().batch(calls.slice(0, 2))).rejects.toMatchObject({ code: 'rail.away', message: /Verifying/ });
});
