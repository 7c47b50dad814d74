/** The HTTPS server of a contract: routes, validation and serialisation from its document, the same manners everywhere. */
import type { Server } from 'node:https';
import type { TlsOptions } from 'node:tls';
import helmet from '@fastify/helmet';
import { fail, type HoldfastError } from '@holdfast/protocol';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyRequest,
  LogController,
  type RouteOptions,
} from 'fastify';
import { type Handlers, type OperationFacts, operationFacts } from './calls.ts';
import { contractRoutes } from './contract-routes.ts';
import { addDocsPage } from './docs-page.ts';
import { createRateGuard, type RateGuard, type RateLimits } from './limits.ts';
import { named } from './named.ts';
import {
  answerBrokenRequest,
  installProblems,
  type Loggable,
  sendProblem,
  toCatalogue,
  type Translate,
} from './problems.ts';
import { compileValidator } from './validation.ts';

/**
 * Who asks, by the security scheme of that name in the contract; run before the body is read.
 * Resolves to a name to count requests by. @throws HoldfastError when it is not shown
 */
export type Authenticate = (request: FastifyRequest) => Promise<string>;

export type OperationRoute = Partial<
  Pick<RouteOptions, 'bodyLimit' | 'schema' | 'onRequest' | 'preHandler' | 'config'>
>;

export interface ApiServerOptions<Operations> {
  /** Bundled; see `openApiDocuments`. */
  readonly document: object;
  readonly handlers: Handlers<Operations>;
  /** By security scheme; an operation whose schemes are all missing here is refused at start. */
  readonly authenticate: Readonly<Record<string, Authenticate>>;
  /** Exceptions for single operations, such as a larger body limit. */
  readonly routes?: { readonly [Id in keyof Operations]?: OperationRoute };
  /** From `serverTlsOptions`. */
  readonly tls: TlsOptions;
  readonly logger: FastifyBaseLogger;
  /** A fresh, unguessable name for each request; it stands in the logs and in the answer's `x-request-id`. */
  readonly requestId: () => string;
  readonly translate?: Translate;
  /** What of an unexpected error may stand in the log, such as a query without its parameters. Default: all. */
  readonly loggable?: Loggable;
  /** None: no limit. */
  readonly rateLimits?: RateLimits;
  /** Bytes of a request's body, where an operation has no limit of its own. Default 1 MiB. */
  readonly bodyLimitBytes?: number;
  /** Bytes of a request's headers. Default 16 KiB. */
  readonly maxHeaderBytes?: number;
  /** Connections at once. Default 2,000. */
  readonly maxConnections?: number;
  /** For a whole request to arrive. Default 60 s; 0: none. */
  readonly requestTimeoutMs?: number;
  /** Before the routes are added: more content types, hooks, routes beside the contract, which count requests themselves. */
  readonly prepare?: (app: FastifyInstance, guard: RateGuard | undefined) => Promise<void> | void;
}

/** A server that is ready to `listen`; `close` stops accepting, answers what is under way, then resolves. */
export async function createApiServer<Operations>(options: ApiServerOptions<Operations>): Promise<FastifyInstance> {
  const translate: Translate = options.translate ?? (() => undefined);
  const maxHeaderBytes = options.maxHeaderBytes ?? 16_384;
  const app = fastify<Server>({
    https: { ...options.tls, maxHeaderSize: maxHeaderBytes },
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: options.requestId,
    bodyLimit: options.bodyLimitBytes ?? 1_048_576,
    requestTimeout: options.requestTimeoutMs ?? 60_000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    // What still arrives on an open connection is answered, and told that the connection ends.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 128, ignoreTrailingSlash: false },
    clientErrorHandler: (error, socket) => answerBrokenRequest(error, socket, maxHeaderBytes),
    frameworkErrors: (error, request, reply) => void sendProblem(toCatalogue(error, request, translate), reply),
  }) as unknown as FastifyInstance;
  app.server.maxConnections = options.maxConnections ?? 2_000;
  app.setValidatorCompiler(compileValidator);
  installProblems(app, translate, options.loggable);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  await addDocsPage(app, options.document);
  const api = async (scope: FastifyInstance): Promise<void> => {
    await scope.register(helmet, {
      contentSecurityPolicy: {
        useDefaults: false,
        directives: { 'default-src': ["'none'"], 'frame-ancestors': ["'none'"] },
      },
    });
    const guard = options.rateLimits && (await createRateGuard(scope, options.rateLimits));
    // Only ever sent, never taken.
    scope.addContentTypeParser('application/problem+json', (_request, _body, done) =>
      done(fail('input.invalid', { detail: 'a problem is an answer, not a request.' })),
    );
    await options.prepare?.(scope, guard);
    await addOperations(scope, options, guard);
  };
  await app.register(named('api', api));
  return app;
}

async function addOperations<Operations>(
  app: FastifyInstance,
  options: ApiServerOptions<Operations>,
  guard: RateGuard | undefined,
): Promise<void> {
  const facts = operationFacts(options.document);
  const handlers = options.handlers as Readonly<Record<string, (call: unknown) => Promise<unknown>>>;
  const routes = (options.routes ?? {}) as Readonly<Record<string, OperationRoute>>;
  for (const { operationId, schema, ...place } of await contractRoutes(options.document)) {
    const operation = facts.get(operationId);
    const handle = handlers[operationId];
    if (operation === undefined || handle === undefined) throw incomplete(`nobody handles ${operationId}`);
    const route = routes[operationId] ?? {};
    app.route({
      ...place,
      ...(schema !== undefined && { schema: { ...schema } }),
      // The contract says which operations there are.
      exposeHeadRoute: false,
      ...route,
      onRequest: [...authentication(operationId, operation, options.authenticate, guard), ...hooks(route.onRequest)],
      handler: async (request, reply) => {
        reply.code(operation.successStatus);
        const { params, query, body } = request;
        const answer = await handle({ params, query, body, request, reply });
        return reply.sent ? reply : answer;
      },
    });
  }
}

const hooks = <Hook>(given: Hook | Hook[] | undefined): Hook[] =>
  given === undefined ? [] : Array.isArray(given) ? given : [given];

/** Counts and authenticates before anything of the body is read. */
function authentication(
  operationId: string,
  { security }: OperationFacts,
  authenticate: Readonly<Record<string, Authenticate>>,
  guard: RateGuard | undefined,
): ((request: FastifyRequest) => Promise<void>)[] {
  const byAddress = guard === undefined ? [] : [guard.checkAddress];
  if (security.length === 0) return guard === undefined ? [] : [...byAddress, guard.checkOpen];
  const known = security.map((scheme) => authenticate[scheme]).filter((check) => check !== undefined);
  if (known.length !== security.length)
    throw incomplete(`nobody authenticates ${security.join(', ')} of ${operationId}`);
  return [
    ...byAddress,
    async (request) => {
      const party = await firstSuccess(known, request);
      await guard?.checkParty(request, party);
    },
  ];
}

const incomplete = (detail: string): HoldfastError => fail('internal.unexpected', { incident: detail });

async function firstSuccess(checks: readonly Authenticate[], request: FastifyRequest): Promise<string> {
  let failure: unknown;
  for (const check of checks) {
    try {
      return await check(request);
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}
