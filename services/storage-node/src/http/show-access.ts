/** From an HTTP request to what the access check wants to see; what was shown is remembered for the handler. */
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Authenticate } from '@holdfast/http-api/server';
import { fail, HEADERS, HoldfastError } from '@holdfast/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Access, type AccessCheck, type FailedAttempts, NO_CONTENT } from '../grants/index.ts';

export interface AccessDesk {
  /** For the security scheme `grant` of the contract. */
  readonly authenticate: Authenticate;
  /** What the request showed; undefined when it was not let in. */
  accessOf(request: FastifyRequest): Access | undefined;
  /** Whether it was let in. */
  isKnown(request: IncomingMessage): boolean;
  /** Adds parsers that hold bodies to what was signed. */
  addParsers(app: FastifyInstance): void;
}

const SHARD_BYTES = 'application/octet-stream';

/** Forged or missing rights. That a right has ended or is too narrow happens to honest clients too. */
const isForged = (error: unknown): boolean =>
  error instanceof HoldfastError &&
  (error.code.startsWith('message.') ||
    ['grant.missing', 'grant.wrong-holder', 'request.mismatch'].includes(error.code));

export function createAccessDesk(check: AccessCheck, failures: FailedAttempts): AccessDesk {
  const accesses = new WeakMap<FastifyRequest, Access>();
  const known = new WeakSet<IncomingMessage>();
  return {
    async authenticate(request) {
      failures.check(request.ip);
      try {
        const access = check(shown(request));
        accesses.set(request, access);
        known.add(request.raw);
        return access.grant.holder;
      } catch (error) {
        if (isForged(error)) failures.note(request.ip);
        throw error;
      }
    },
    accessOf: (request) => accesses.get(request),
    isKnown: (request) => known.has(request),
    addParsers(app) {
      // Its handler reads the bytes as they come.
      app.addContentTypeParser(SHARD_BYTES, (_request, payload, done) => done(null, payload));
      const parseJson = app.getDefaultJsonParser('error', 'error');
      app.removeContentTypeParser('application/json');
      app.addContentTypeParser<Buffer>('application/json', { parseAs: 'buffer' }, (request, body, done) => {
        const signed = accesses.get(request)?.contentRoot;
        if (signed !== createHash('sha256').update(body).digest('hex')) {
          done(fail('request.mismatch', { field: 'contentRoot' }));
        } else void parseJson(request, body.toString('utf8'), done);
      });
    },
  };
}

function shown(request: FastifyRequest): Parameters<AccessCheck>[0] {
  const { headers, method = '', url = '' } = request.raw;
  return {
    method,
    path: url,
    grantToken: single(headers, HEADERS.grant),
    requestToken: single(headers, HEADERS.request),
    contentLength: contentLengthOf(headers, method),
    content: contentOf(headers, method, url),
  };
}

const single = (headers: IncomingHttpHeaders, name: string): string | undefined => {
  const value = headers[name];
  return typeof value === 'string' ? value : undefined;
};

function contentLengthOf(headers: IncomingHttpHeaders, method: string): number {
  const length = single(headers, 'content-length');
  if (method === 'PUT' || method === 'POST') {
    if (length === undefined || !/^\d{1,15}$/.test(length)) throw fail('shard.length-required');
    return Number(length);
  }
  const hasBody = headers['transfer-encoding'] !== undefined || (length !== undefined && length !== '0');
  if (hasBody) throw fail('input.invalid', { detail: `${method} has no body here.` });
  return 0;
}

function contentOf(headers: IncomingHttpHeaders, method: string, url: string): Parameters<AccessCheck>[0]['content'] {
  if (method === 'PUT' && url.startsWith('/v1/shards/')) {
    const root = single(headers, HEADERS.root);
    if (root === undefined || !/^[0-9a-f]{64}$/.test(root)) {
      throw fail('input.invalid', { detail: `${HEADERS.root} must be 64 hex digits.` });
    }
    return { known: root };
  }
  return method === 'PUT' || method === 'POST' ? 'later' : NO_CONTENT;
}
