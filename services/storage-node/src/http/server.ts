/** The node's HTTPS server: the contract's routes, limits, and manners towards bodies that were refused. */
import { openApiDocuments, type StorageNodeOperations } from '@holdfast/http-api';
import { createApiServer, type Handlers } from '@holdfast/http-api/server';
import { type Clock, type Logger, type Metrics, observeResponses, type Randomness } from '@holdfast/platform';
import { fail, type SigningContext, type SigningKey, toHex } from '@holdfast/protocol';
import type { Server } from 'node:https';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Access, createAccessCheck, createFailedAttempts } from '../grants/index.ts';
import type { ShardStore } from '../shards/index.ts';
import type { VaultCopies } from '../vault-copies/index.ts';
import { createShardHandlers } from './shard-handlers.ts';
import { createAccessDesk } from './show-access.ts';
import { createTransferLimits, drainBody } from './transfer.ts';
import { createVaultHandlers } from './vault-handlers.ts';

export interface NodeServerOptions {
  readonly nodeId: string;
  readonly signing: SigningContext;
  readonly signingKey: SigningKey;
  readonly version: string;
  readonly store: ShardStore;
  readonly copies: VaultCopies;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly maxConnections: number;
  /** Requests with forged or missing rights, per minute and address. */
  readonly maxFailuresPerMinute: number;
}

/** Grants may name a thousand packs: 43 kB of header. */
const MAX_HEADER_BYTES = 72 * 1024;
/** A connection on which nothing moves is closed. */
const IDLE_MS = 60_000;
const HEADERS_MS = 15_000;
/** Of a body that came without a right, before the connection is closed. */
const UNKNOWN_DRAIN_BYTES = 128 * 1024;

/**
 * AES-128 before AES-256: fewer rounds for both sides, and what passes here is sealed under AES-256 already. What
 * `setSecureContext` is given must say the same.
 */
export const NODE_TLS = {
  minVersion: 'TLSv1.3',
  ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
  honorCipherOrder: true,
} as const;

/** Listens to nobody yet, and has no certificate yet: see `setSecureContext`. */
export async function createNodeServer(options: NodeServerOptions): Promise<FastifyInstance> {
  const { nodeId, clock, metrics } = options;
  const check = createAccessCheck({ nodeId, signing: options.signing, nowMs: () => clock.nowMs() });
  const desk = createAccessDesk(
    check,
    createFailedAttempts(options.maxFailuresPerMinute, () => clock.nowMs()),
  );
  const accessOf = (request: FastifyRequest): Access => {
    const access = desk.accessOf(request);
    if (access === undefined) throw fail('grant.missing');
    return access;
  };
  const limits = createTransferLimits(clock);
  const bytes = metrics.counter('shard_bytes_total', 'Shard bytes received and sent.', ['direction']);
  const handlers: Handlers<StorageNodeOperations> = {
    async getStatus() {
      return { nodeId, mediatorId: options.signing.mediatorId, version: options.version, timeMs: clock.nowMs() };
    },
    ...createShardHandlers({
      ...options,
      accessOf,
      limits,
      onBytes: (direction, count) => bytes.inc({ direction }, count),
    }),
    ...createVaultHandlers({ ...options, accessOf }),
  };
  const app = await createApiServer<StorageNodeOperations>({
    document: openApiDocuments.storageNode,
    handlers,
    authenticate: { grant: desk.authenticate },
    tls: NODE_TLS,
    logger: options.logger,
    requestId: () => toHex(options.randomness.bytes(9)),
    maxConnections: options.maxConnections,
    maxHeaderBytes: MAX_HEADER_BYTES,
    // A body may take long; what must not take long has limits of its own, below and in the handlers.
    requestTimeoutMs: 0,
    prepare(scope) {
      desk.addParsers(scope);
      scope.addHook('preParsing', async (request, _reply, payload) => {
        const { raw } = request;
        const lengthBytes = Number(raw.headers['content-length'] ?? 0);
        if (raw.complete && lengthBytes === 0) return payload;
        const callOff = (): void => limits.callOff(raw);
        limits.limit(raw, lengthBytes);
        raw.once('end', callOff).once('close', callOff);
        return payload;
      });
      scope.addHook('onResponse', observeResponses(metrics));
    },
  });
  const server = app.server as unknown as Server;
  // For every request, also those that no route takes. `finish` would be too late: by then node:http reads the rest of
  // the body by itself, however long it is.
  server.on('request', (request, response) => {
    response.once('prefinish', () => {
      const allowance = desk.isKnown(request) ? Number(request.headers['content-length'] ?? 0) : UNKNOWN_DRAIN_BYTES;
      drainBody(request, allowance, clock);
    });
  });
  server.once('close', () => limits.stop());
  server.headersTimeout = HEADERS_MS;
  server.setTimeout(IDLE_MS);
  return app;
}
