import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import {
  createCertificateAuthority,
  createSeededRandomness,
  createTlsKeyPair,
  issueCertificate,
  serverTlsOptions,
  systemClock,
} from '@holdfast/platform';
import { nodeUri } from '@holdfast/protocol';
import { BodyFetcher, type FetchBodyAnswer, type FetchBodyRequest } from './body-fetcher.ts';

const random = createSeededRandomness('body fetcher');
const nodeId = 'ab'.repeat(32);
const body = random.bytes(300_000);

let server: Server;
let fetcher: BodyFetcher;
let caPem: string;
let address: string;
let connections: number;
/** What the server does with a request. */
let answer: (socket: TLSSocket, head: string) => void;

beforeEach(async () => {
  const nowMs = systemClock.nowMs();
  const authority = await createCertificateAuthority({ name: 'test', mediatorPublicKeyHex: 'cd'.repeat(32), nowMs });
  const keys = await createTlsKeyPair();
  const certPem = await issueCertificate(authority, {
    subjectUri: nodeUri(nodeId),
    publicKeyPem: keys.publicKeyPem,
    notBeforeMs: nowMs - 3_600_000,
    notAfterMs: nowMs + 86_400_000,
  });
  const identity = { certPem, keyPem: keys.privateKeyPem, caPem: authority.certPem, requestClientCert: 'no' } as const;
  connections = 0;
  server = createServer(serverTlsOptions(identity), (socket) => {
    connections += 1;
    socket.on('error', () => undefined);
    socket.on('data', (piece: Buffer) => answer(socket, piece.toString('latin1')));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  address = `127.0.0.1:${(server.address() as { port: number }).port}`;
  caPem = authority.certPem;
  fetcher = new BodyFetcher({ caPem, stallTimeoutMs: 30_000 });
});
afterEach(async () => {
  fetcher.close();
  await new Promise<void>((resolve) => server.close(() => resolve()));
});

const fetchBody = (more: Partial<FetchBodyRequest> = {}): Promise<FetchBodyAnswer> =>
  fetcher.fetch({
    nodeId,
    address,
    path: '/x',
    headers: { grant: 'token' },
    into: new Uint8Array(body.length),
    ...more,
  });

const whole = (headers = ''): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers}\r\n`), body]);

test('the body lies in its place; the request says what it should; the connection is used again', async () => {
  let asked = '';
  answer = (socket, head) => {
    asked = head;
    socket.write(whole());
  };
  for (let n = 0; n < 3; n += 1) {
    const into = new Uint8Array(body.length);
    expect(await fetchBody({ into })).toMatchObject({ statusCode: 200, lengthBytes: body.length });
    expect(Buffer.compare(into, body)).toBe(0);
  }
  expect(asked).toBe(`GET /x HTTP/1.1\r\nhost: ${address}\r\nconnection: keep-alive\r\ngrant: token\r\n\r\n`);
  expect(connections).toBe(1);
});

test('a head that comes byte by byte', async () => {
  answer = (socket) => {
    const bytes = whole();
    for (let at = 0; at < 60; at += 1) socket.write(bytes.subarray(at, at + 1));
    socket.write(bytes.subarray(60));
  };
  const into = new Uint8Array(body.length);
  await fetchBody({ into });
  expect(Buffer.compare(into, body)).toBe(0);
});

test('what the node says of an error', async () => {
  answer = (socket) => socket.write('HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone');
  const { statusCode, problem } = await fetchBody();
  expect([statusCode, Buffer.from(problem).toString()]).toEqual([404, 'gone']);
});

test('another length than the wanted one is told, and nothing is written', async () => {
  answer = (socket) => socket.end(whole());
  const into = new Uint8Array(1000);
  expect(await fetchBody({ into })).toMatchObject({ statusCode: 200, lengthBytes: body.length });
  expect(into.every((byte) => byte === 0)).toBe(true);
});

test('a node that closed an idle connection is asked once more', async () => {
  answer = (socket) => socket.write(whole());
  await fetchBody();
  answer = (socket) => {
    answer = (again) => again.write(whole());
    socket.destroy();
  };
  expect(await fetchBody()).toMatchObject({ statusCode: 200 });
  expect(connections).toBe(2);
});

describe('what no storage node answers is an error, and the connection ends', () => {
  test.each<[string, string | Buffer, string]>([
    ['another protocol', 'SSH-2.0-OpenSSH_9.2\r\n\r\n', 'not HTTP/1.1'],
    ['an endless head', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}`, 'a head of more than'],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\nbytes', 'no length of the body'],
    [
      'chunks',
      'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nbytes\r\n0\r\n\r\n',
      'no length of the body',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nbytes', 'a malformed header'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nbytes', 'no length of the body'],
    ['a header without a name', 'HTTP/1.1 200 OK\r\n: 5\r\n\r\n', 'a malformed header'],
    ['more bytes than announced', Buffer.concat([whole(), Buffer.from('more')]), 'more bytes than were announced'],
  ])('%s', async (_, bytes, said) => {
    answer = (socket) => socket.write(bytes);
    await expect(fetchBody()).rejects.toThrow(said);
  });

  test('silence', async () => {
    answer = () => undefined;
    fetcher.close();
    fetcher = new BodyFetcher({ caPem, stallTimeoutMs: 300 });
    await expect(fetchBody()).rejects.toThrow('nothing came for 300 ms');
  });
  test('half a body', async () => {
    answer = (socket) => socket.end(whole().subarray(0, 100_000));
    await expect(fetchBody()).rejects.toThrow('closed');
  });
  test('another node', async () => {
    await expect(fetchBody({ nodeId: 'ef'.repeat(32) })).rejects.toMatchObject({ code: 'tls.wrong-peer' });
  });
});

test('stops when it is told to, and never writes afterwards', async () => {
  const stop = new AbortController();
  const into = new Uint8Array(body.length);
  answer = (socket) => {
    socket.write(whole().subarray(0, 100_000));
    setImmediate(() => stop.abort(new Error('enough')));
    setTimeout(() => socket.write(whole().subarray(100_000)), 20);
  };
  await expect(fetchBody({ into, signal: stop.signal })).rejects.toThrow('enough');
  const then = Buffer.from(into);
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(Buffer.compare(into, then)).toBe(0);
});
