/** The manners of the server as a whole: TLS, limits, problems, pages. */
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unwrap } from '@holdfast/http-api';
import { fetchPinnedCa, mediatorUri, pinnedConnectOptions } from '@holdfast/platform';
import { parseMediatorAddress } from '@holdfast/protocol';
import { request } from 'undici';
import { freshId, startTestMediator, START_MS, type TestClient, type TestMediator } from '../testing/test-mediator.ts';

let mediator: TestMediator;
let client: TestClient;
beforeAll(async () => {
  mediator = await startTestMediator({ opsListen: { host: '127.0.0.1', port: 0 } });
  client = await mediator.client();
});
afterAll(() => mediator.close());

const send = (path: string, options: Omit<NonNullable<Parameters<typeof request>[1]>, 'dispatcher'> = {}) =>
  request(`${mediator.mediator.baseUrl}${path}`, { ...options, dispatcher: mediator.dispatcher });
const post = (path: string, body: string, headers: Record<string, string> = {}) =>
  send(path, { method: 'POST', body, headers: { 'content-type': 'application/json', ...headers } });
const signedIn = () => ({ authorization: `Bearer ${client.session}` });

test('says who it is', async () => {
  expect(await unwrap(mediator.api.GET('/v1/mediator'))).toMatchObject({
    mediatorId: mediator.mediator.mediatorId,
    network: 'regtest',
    caPem: mediator.mediator.caPem,
    timeMs: START_MS,
    subnetRule: 'local',
  });
});

test('a newcomer who has only the address gets the right certificate, and a wrong fingerprint is noticed', async () => {
  const { host, port, caFingerprint } = parseMediatorAddress(mediator.mediator.address);
  const pinned = await fetchPinnedCa({ host, port, fingerprint: caFingerprint });
  expect(pinned).toEqual({ caPem: mediator.mediator.caPem, mediatorPublicKeyHex: mediator.mediator.mediatorId });
  await expect(fetchPinnedCa({ host, port, fingerprint: freshId() })).rejects.toThrow(/fingerprint/);
});

test('speaks TLS 1.3 only', async () => {
  const { port } = new URL(mediator.mediator.baseUrl);
  const options = pinnedConnectOptions({
    caPem: mediator.mediator.caPem,
    expectUri: mediatorUri(mediator.mediator.mediatorId),
  });
  const protocol = (versions: object) =>
    new Promise<string | null>((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: Number(port), ...options, ...versions }, () => {
        resolve(socket.getProtocol());
        socket.destroy();
      }).on('error', reject);
    });
  expect(await protocol({})).toBe('TLSv1.3');
  const older = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2', ciphers: 'DEFAULT' };
  await expect(protocol(older)).rejects.toThrow(/protocol version/);
});

describe('what is wrong is a problem with a code', () => {
  test.each<[string, () => ReturnType<typeof send>, number, string]>([
    ['an unknown route', () => send('/v1/nothing'), 404, 'input.unknown-route'],
    ['a wrong method', () => send('/v1/mediator', { method: 'DELETE' }), 404, 'input.unknown-route'],
    ['broken JSON', () => post('/v1/sign-in', '{'), 400, 'input.invalid'],
    ['an unknown field', () => post('/v1/sign-in', '{"signIn":"AA","more":1}'), 400, 'input.invalid'],
    ['no body', () => post('/v1/sign-in', ''), 400, 'input.invalid'],
    ['an id of a wrong length', () => send('/v1/nodes/abc'), 400, 'input.invalid'],
    ['a limit out of range', () => send('/v1/nodes?limit=1001'), 400, 'input.invalid'],
    ['a large body', () => post('/v1/sign-in', JSON.stringify({ signIn: 'A'.repeat(40_000) })), 413, 'input.too-large'],
    ['a message that is none', () => post('/v1/sign-in', '{"signIn":"AAAA"}'), 400, 'message.malformed'],
    ['no session', () => send('/v1/vaults'), 401, 'auth.required'],
    [
      'a session that is none',
      () => send('/v1/vaults', { headers: { authorization: 'Bearer x' } }),
      401,
      'auth.required',
    ],
    [
      'an unknown session',
      () => send('/v1/vaults', { headers: { authorization: `Bearer ${'A'.repeat(43)}` } }),
      401,
      'auth.session-expired',
    ],
    ['a quote of -1 bytes', () => post('/v1/quotes', '{"bytes":-1}', signedIn()), 400, 'input.invalid'],
    [
      'too little redundancy',
      () => post('/v1/quotes', '{"bytes":1,"terms":{"policy":{"dataShards":4,"parityShards":3}}}', signedIn()),
      422,
      'policy.redundancy-too-low',
    ],
    [
      'too many shards',
      () => post('/v1/quotes', '{"bytes":1,"terms":{"policy":{"dataShards":20,"parityShards":39}}}', signedIn()),
      422,
      'policy.out-of-range',
    ],
  ])('%s', async (_, ask, status, code) => {
    const answer = await ask();
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8');
    expect(await answer.body.json()).toMatchObject({
      status,
      code,
      detail: expect.any(String),
      next: expect.any(String),
    });
    expect(answer.statusCode).toBe(status);
  });

  test('what is no HTTP at all', async () => {
    const { port } = new URL(mediator.mediator.baseUrl);
    const { caPem, mediatorId } = mediator.mediator;
    const options = pinnedConnectOptions({ caPem, expectUri: mediatorUri(mediatorId) });
    const socket = connect({ host: '127.0.0.1', port: Number(port), ...options });
    socket.write('NONSENSE\r\n\r\n');
    let text = '';
    for await (const piece of socket.setEncoding('utf8')) text += piece as string;
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(text).toContain('"code":"input.invalid"');
  });
});

test('answers carry security headers and a name for the log', async () => {
  const { headers, body } = await send('/v1/mediator');
  await body.dump();
  expect(headers['content-security-policy']).toContain("default-src 'none'");
  expect(headers['strict-transport-security']).toBeTruthy();
  expect(headers['x-content-type-options']).toBe('nosniff');
  expect(headers['x-request-id']).toMatch(/^[0-9a-f]{16}$/);
  expect(headers['server']).toBeUndefined();
  expect(headers['x-powered-by']).toBeUndefined();
});

test('the contract and its page are there', async () => {
  const contract = await send('/openapi.json');
  expect(await contract.body.json()).toMatchObject({ openapi: '3.1.0', info: { title: 'Holdfast mediator' } });
  const page = await send('/docs');
  expect(await page.body.text()).toContain('<title>Holdfast mediator</title>');
});

test('health, readiness and metrics are on a listener of their own', async () => {
  const { opsUrl, baseUrl } = mediator.mediator;
  const ask = async (path: string) => {
    const { statusCode, body } = await request(`${opsUrl}${path}`);
    return { statusCode, text: await body.text() };
  };
  expect(await ask('/healthz')).toEqual({ statusCode: 200, text: '{"status":"ok"}' });
  expect(await ask('/readyz')).toEqual({ statusCode: 200, text: '{"status":"ok"}' });
  await send('/v1/vaults').then(({ body }) => body.dump());
  const { text } = await ask('/metrics');
  expect(text).toMatch(/^holdfast_mediator_database_up 1$/m);
  expect(text).toMatch(/http_request_duration_seconds_count\{method="GET",route="\/v1\/vaults",status="401"\} \d+/);
  expect((await ask('/docs')).statusCode).toBe(404);
  expect((await send('/metrics')).statusCode).toBe(404);
  expect(baseUrl).not.toBe(opsUrl);
});

test('too many requests of one address or party are told when to come back', async () => {
  const limited = await startTestMediator({
    rateLimits: { openPerMinute: 5, addressPerMinute: 30, partyPerMinute: 3 },
  });
  try {
    const one = await limited.client();
    const vaults = () => unwrap(one.api.GET('/v1/vaults'));
    for (let count = 0; count < 3; count += 1) await vaults();
    await expect(vaults()).rejects.toMatchObject({ code: 'limit.rate', params: { limit: '3 a minute' } });
    const about = () => unwrap(limited.api.GET('/v1/mediator'));
    for (let count = 0; count < 3; count += 1) await about();
    await expect(about()).rejects.toMatchObject({ code: 'limit.rate', params: { limit: '5 a minute' } });
  } finally {
    await limited.close();
  }
});
