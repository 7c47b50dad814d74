/** The operator's own listener, plain HTTP and best on loopback: `/healthz`, `/readyz`, `/metrics`. */
import fastify, { type FastifyBaseLogger, LogController } from 'fastify';
import { installProblems } from './problems.ts';

export interface Readiness {
  readonly ready: boolean;
  /** Why not. */
  readonly detail?: string;
}

export interface OpsServerOptions {
  readonly listen: { readonly host: string; readonly port: number };
  readonly logger: FastifyBaseLogger;
  /** Asked on every request to `/readyz`; what it throws counts as not ready. */
  readonly readiness: () => Promise<Readiness>;
  readonly metrics: { text(): Promise<string>; readonly contentType: string };
}

export interface OpsServer {
  /** `http://host:port` */
  readonly url: string;
  close(): Promise<void>;
}

/** `/healthz` says that the process turns; `/readyz` that it can serve. */
export async function startOpsServer(options: OpsServerOptions): Promise<OpsServer> {
  const app = fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 1024,
    forceCloseConnections: true,
  });
  installProblems(app, () => undefined);
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const { ready, detail } = await options.readiness().catch((error: unknown): Readiness => ({
      ready: false,
      detail: error instanceof Error ? error.message : String(error),
    }));
    return reply
      .code(ready ? 200 : 503)
      .send({ status: ready ? 'ok' : 'failing', ...(detail !== undefined && { detail }) });
  });
  app.get('/metrics', async (_request, reply) =>
    reply.type(options.metrics.contentType).send(await options.metrics.text()),
  );
  const url = await app.listen({ ...options.listen, listenTextResolver: (address) => address });
  return { url, close: () => app.close() };
}
