import { expect, test } from '@jest/globals';
import { errorFromProblem, fail } from '@holdfast/protocol';
import fastify, { type FastifyInstance } from 'fastify';
import { createApiServer } from './api-server.ts';
import { operationFacts } from './calls.ts';

const json = (schema: object) => ({ content: { 'application/json': { schema } } });
const problem = { description: 'Failed.', content: { 'application/problem+json': { schema: { type: 'object' } } } };
const document = {
  openapi: '3.1.0',
  info: { title: 'Test', version: '1' },
  paths: {
    '/v1/things/{id}': {
      post: {
        operationId: 'makeThing',
        security: [],
        parameters: [
          { name: 'id', in: 'path', required: true, schema: { type: 'integer', maximum: 9 } },
          { name: 'limit', in: 'query', schema: { type: 'integer', default: 7 } },
        ],
        requestBody: {
          required: true,
          ...json({
            type: 'object',
            additionalProperties: false,
            required: ['name'],
            properties: { name: { $ref: '#/components/schemas/Name' }, next: { type: 'integer' } },
          }),
        },
        responses: {
          201: { description: 'Made.', ...json({ type: 'object', properties: { said: { type: 'string' } } }) },
          default: problem,
        },
      },
      get: { operationId: 'failThing', responses: { 204: { description: 'Never.' }, default: problem } },
    },
  },
  components: {
    schemas: { Name: { type: 'string', pattern: '^[a-z]+$' } },
    securitySchemes: { session: { type: 'http', scheme: 'bearer' } },
  },
  security: [{ session: [] }],
};

interface Operations {
  makeThing: {
    parameters: { path: { id: number }; query?: { limit?: number } };
    requestBody: { content: { 'application/json': { name: string; next?: number } } };
    responses: { 201: { content: { 'application/json': { said: string } } } };
  };
  failThing: { parameters: { path: { id: number } }; responses: { 204: { content?: never } } };
}

let failure: unknown;
let counter = 0;
const start = (options: object = {}): Promise<FastifyInstance> =>
  createApiServer<Operations>({
    document,
    handlers: {
      makeThing: async (call) => {
        const answer = { said: JSON.stringify([call.params, call.query, call.body]), secret: 'not in the contract' };
        return answer;
      },
      failThing: async () => {
        throw failure;
      },
    },
    authenticate: {
      session: async (request: { headers: Record<string, unknown> }) => {
        if (request.headers['authorization'] !== 'Bearer right') throw fail('auth.required', { role: 'client' });
        return 'somebody';
      },
    },
    tls: {},
    logger: fastify().log,
    requestId: () => `r${counter++}`,
    ...options,
  });

const post = (app: FastifyInstance, body: unknown, id = '3') =>
  app.inject({ method: 'POST', url: `/v1/things/${id}`, payload: body as object });

test('an operation gets what the contract says, and answers no more than it says', async () => {
  const app = await start();
  const answer = await post(app, { name: 'abc' });
  expect(answer.statusCode).toBe(201);
  expect(answer.json()).toEqual({ said: JSON.stringify([{ id: 3 }, { limit: 7 }, { name: 'abc' }]) });
  expect(answer.headers['x-request-id']).toMatch(/^r\d+$/);
  expect(answer.headers['content-security-policy']).toContain("default-src 'none'");
  expect(answer.headers['x-content-type-options']).toBe('nosniff');
});

test.each([
  ['an unknown field', { name: 'abc', extra: 1 }, '3', 'extra'],
  ['a missing field', {}, '3', 'name'],
  ['a number as text in the body', { name: 'abc', next: '5' }, '3', 'body.next'],
  ['a pattern', { name: 'ABC' }, '3', 'body.name'],
  ['a path parameter', { name: 'abc' }, '10', 'params.id'],
])('refuses %s with input.invalid', async (_, body, id, named) => {
  const answer = await post(await start(), body, id);
  expect(answer.statusCode).toBe(400);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(answer.json()).toMatchObject({ code: 'input.invalid', detail: expect.stringContaining(named) });
});

test('broken JSON, a foreign type, a large body and an unknown route are problems too', async () => {
  const app = await start({ bodyLimitBytes: 64 });
  const raw = (payload: string, type: string) =>
    app.inject({ method: 'POST', url: '/v1/things/3', payload, headers: { 'content-type': type } });
  expect((await raw('{', 'application/json')).json()).toMatchObject({ code: 'input.invalid', status: 400 });
  expect((await raw('x', 'image/png')).json()).toMatchObject({ code: 'input.invalid' });
  expect((await raw(`"${'x'.repeat(99)}"`, 'application/json')).json()).toMatchObject({
    code: 'input.too-large',
    status: 413,
    detail: expect.stringContaining('64 bytes'),
  });
  const unknown = await app.inject({ method: 'GET', url: '/nowhere?secret=1' });
  expect(unknown.json()).toMatchObject({ code: 'input.unknown-route', detail: 'There is no GET /nowhere here.' });
  expect((await app.inject({ method: 'GET', url: '/v1/%zz' })).json()).toMatchObject({ code: 'input.invalid' });
});

test('errors of the catalogue pass, unknown ones are named by an incident only', async () => {
  const app = await start({
    translate: (error: unknown) => (error === 'database' ? fail('database.unavailable') : undefined),
  });
  const get = () => app.inject({ method: 'GET', url: '/v1/things/3', headers: { authorization: 'Bearer right' } });
  failure = fail('vault.unknown', { vaultId: 'abc' });
  const known = await get();
  expect(known.statusCode).toBe(404);
  expect(errorFromProblem(known.json(), 'It')).toMatchObject({ code: 'vault.unknown', params: { vaultId: 'abc' } });
  failure = new Error('password=hunter2');
  const incident = await get();
  expect(incident.statusCode).toBe(500);
  expect(incident.body).not.toContain('hunter2');
  expect(incident.json()).toMatchObject({
    code: 'internal.unexpected',
    params: { incident: incident.headers['x-request-id'] },
  });
  failure = 'database';
  expect((await get()).json()).toMatchObject({ code: 'database.unavailable', status: 503 });
});

test('who is not authenticated is refused before the body is looked at', async () => {
  const app = await start();
  const answer = await app.inject({ method: 'GET', url: '/v1/things/77' });
  expect(answer.json()).toMatchObject({ code: 'auth.required', status: 401 });
});

test('an operation without a handler or an authentication stops the start', async () => {
  await expect(start({ handlers: {} }).then((app) => app.ready())).rejects.toThrow('nobody handles makeThing');
  await expect(start({ authenticate: {} }).then((app) => app.ready())).rejects.toThrow('nobody authenticates session');
});

test('rates are limited per address and per party, with the time to wait', async () => {
  const app = await start({ rateLimits: { openPerMinute: 2, addressPerMinute: 6, partyPerMinute: 1 } });
  expect((await post(app, { name: 'a' })).statusCode).toBe(201);
  expect((await post(app, { name: 'a' })).statusCode).toBe(201);
  const tooMany = await post(app, { name: 'a' });
  expect(tooMany.json()).toMatchObject({ code: 'limit.rate', status: 429, params: { limit: '2 a minute' } });
  expect(Number(tooMany.headers['retry-after'])).toBeGreaterThan(0);
  failure = fail('head.missing');
  const get = () => app.inject({ method: 'GET', url: '/v1/things/3', headers: { authorization: 'Bearer right' } });
  expect((await get()).json()).toMatchObject({ code: 'head.missing' });
  expect((await get()).json()).toMatchObject({ code: 'limit.rate', params: { limit: '1 a minute' } });
  expect((await get()).statusCode).toBe(429);
  expect((await get()).json()).toMatchObject({ code: 'limit.rate', params: { limit: '6 a minute' } });
});

test('the contract and its page are served, all from here', async () => {
  const app = await start();
  expect((await app.inject('/openapi.json')).json()).toEqual(document);
  const page = await app.inject('/docs');
  expect(page.headers['content-type']).toContain('text/html');
  expect(page.headers['content-security-policy']).toContain("script-src 'self'");
  const assets = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!);
  expect(assets.length).toBeGreaterThan(3);
  for (const asset of assets) {
    expect(asset).not.toMatch(/^(?:https?:)?\/\//);
    const { pathname } = new URL(asset, 'https://host/docs');
    expect((await app.inject(pathname)).statusCode).toBe(200);
  }
  expect(page.body).not.toMatch(/<script(?![^>]*src)[^>]*>\s*\S/);
});

test('facts of an operation come from its document', () => {
  expect(operationFacts(document).get('makeThing')).toEqual({ successStatus: 201, security: [] });
  expect(operationFacts(document).get('failThing')).toEqual({ successStatus: 204, security: ['session'] });
});
