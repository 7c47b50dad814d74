/** The routes of a contract: read from its document once, however many servers of this process have it. */
import type { FastifyInstance, RouteOptions } from 'fastify';
import { fastifyOpenapiGlue } from 'fastify-openapi-glue';

export interface ContractRoute extends Pick<RouteOptions, 'method' | 'url' | 'schema'> {
  readonly operationId: string;
}

const known = new WeakMap<object, Promise<readonly ContractRoute[]>>();

/**
 * The document is checked, its references are resolved: that takes longer than all else of a server's start. Servers share the
 * schemas, so that each is compiled once.
 */
export function contractRoutes(document: object): Promise<readonly ContractRoute[]> {
  const routes = known.get(document) ?? readRoutes(document);
  known.set(document, routes);
  return routes;
}

/** In place of a server, for as long as the routes are generated. */
async function readRoutes(document: object): Promise<readonly ContractRoute[]> {
  const routes: ContractRoute[] = [];
  const collector = {
    hasContentTypeParser: () => true,
    route: ({ operationId, method, url, schema }: ContractRoute) =>
      routes.push({ operationId, method, url, ...(schema !== undefined && { schema }) }),
    register: (generate: (app: unknown) => Promise<void>) => generate(collector),
  };
  await fastifyOpenapiGlue(collector as unknown as FastifyInstance, {
    specification: structuredClone(document),
    operationResolver: (operationId: string) => ({ operationId }) as never,
  });
  return routes;
}
