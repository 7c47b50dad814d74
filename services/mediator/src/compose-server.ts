/** Wires the HTTPS server: the API, the nodes' links, the event stream, and a certificate that is renewed while it runs. */
import type { Server } from 'node:https';
import { openApiDocuments, type MediatorOperations } from '@holdfast/http-api';
import { createApiServer } from '@holdfast/http-api/server';
import {
  createTlsKeyPair,
  issueCertificate,
  mediatorUri,
  observeResponses,
  serverTlsOptions,
  systemClock,
} from '@holdfast/platform';
import { toHex } from '@holdfast/protocol';
import type { FastifyInstance } from 'fastify';
import type { MediatorKeys } from './adapters/key-files.ts';
import { translateDatabaseError, withoutParameters } from './adapters/postgres/database.ts';
import type { Base, Settings } from './compose-base.ts';
import { certificateShown, createAuthentication } from './http/authenticate.ts';
import { createEventStreams, EVENT_STREAM_DEFAULTS } from './http/event-stream.ts';
import { addEventsRoute } from './http/events-route.ts';
import { createHandlers, type HandlerOptions } from './http/handlers.ts';
import { addLinkRoute, type Links } from './link/index.ts';
import { parseHostPort } from './nodes/index.ts';

const BODY_LIMITS = { small: 32_768, commit: 4_194_304 } as const;
const REQUEST_ID_BYTES = 8;
/** Of clients, and of nodes while they register. */
const API_CONNECTIONS = 2_000;

export async function createServer(base: Base, handlerOptions: HandlerOptions, links: Links): Promise<FastifyInstance> {
  const { settings, logger, randomness, lifecycle, keys, metrics } = base;
  const leaf = await issueLeaf(keys, settings);
  const authentication = createAuthentication({
    accounts: handlerOptions.accounts,
    nodes: handlerOptions.nodes,
    certificateClock: systemClock,
  });
  const streams = createEventStreams({
    overview: handlerOptions.overview,
    settings: { ...EVENT_STREAM_DEFAULTS, ...settings.eventStream },
    clock: base.clock,
    lineClock: systemClock,
    logger,
    translate: translateDatabaseError,
    loggable: withoutParameters,
  });
  const app = await createApiServer<MediatorOperations>({
    document: openApiDocuments.mediator,
    handlers: createHandlers(handlerOptions),
    authenticate: authentication,
    routes: {
      createSignInNonce: { bodyLimit: BODY_LIMITS.small },
      signIn: { bodyLimit: BODY_LIMITS.small },
      registerNode: { bodyLimit: BODY_LIMITS.small },
      commitPacks: { bodyLimit: BODY_LIMITS.commit },
    },
    tls: leaf,
    logger,
    requestId: () => toHex(randomness.bytes(REQUEST_ID_BYTES)),
    translate: translateDatabaseError,
    loggable: withoutParameters,
    rateLimits: settings.rateLimits,
    // Links are connections, too, and last.
    maxConnections: API_CONNECTIONS + links.maxCount,
    async prepare(scope, guard) {
      scope.addHook('onResponse', observeResponses(metrics));
      await addLinkRoute(scope, {
        links,
        async authenticate(request) {
          await guard?.checkAddress(request);
          await guard?.checkParty(request, await authentication.nodeCertificate(request));
          return certificateShown(request);
        },
      });
      addEventsRoute(scope, {
        streams,
        async authenticate(request) {
          await guard?.checkAddress(request);
          await guard?.checkParty(request, await authentication.session(request));
        },
      });
      // Before the server waits for its connections to end.
      scope.addHook('preClose', () => streams.close());
    },
  });
  const renewal = systemClock.schedule(
    LEAF_RENEWAL_MS,
    async () => (app.server as unknown as Server).setSecureContext(await issueLeaf(keys, settings)),
    (error) => logger.error({ err: error }, 'the TLS certificate could not be renewed; it is tried again'),
  );
  lifecycle.onClose('certificate renewal', () => renewal.stop());
  return app;
}

const DAY_MS = 86_400_000;
const LEAF_RENEWAL_MS = 7 * DAY_MS;
const LEAF_TTL_MS = 90 * DAY_MS;

/** A key pair and certificate of the server's own, fresh at each start: peers check the name, which stays. */
async function issueLeaf(keys: MediatorKeys, settings: Settings) {
  const pair = await createTlsKeyPair();
  const nowMs = systemClock.nowMs();
  const host = settings.publicAddress === undefined ? [] : [parseHostPort(settings.publicAddress).host];
  const certPem = await issueCertificate(keys.authority, {
    subjectUri: mediatorUri(keys.mediatorId),
    publicKeyPem: pair.publicKeyPem,
    addresses: [...new Set([...host, 'localhost', '127.0.0.1'])],
    notBeforeMs: nowMs - DAY_MS / 24,
    notAfterMs: nowMs + LEAF_TTL_MS,
    usages: ['server'],
  });
  const caPem = keys.authority.certPem;
  return serverTlsOptions({ certPem, keyPem: pair.privateKeyPem, caPem, requestClientCert: 'optional' });
}
