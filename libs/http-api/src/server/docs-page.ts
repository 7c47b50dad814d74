/** `/openapi.json`, and `/docs`: the contract as a page to read, with every asset from this service. */
import helmet from '@fastify/helmet';
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import { named } from './named.ts';

const CONTENT_SECURITY_POLICY = {
  useDefaults: false,
  directives: {
    'default-src': ["'none'"],
    'script-src': ["'self'"],
    'style-src': ["'self'"],
    'img-src': ["'self'", 'data:'],
    'connect-src': ["'self'"],
    'base-uri': ["'none'"],
    'form-action': ["'none'"],
    'frame-ancestors': ["'none'"],
  },
};

/** In place of the framework's, in the page's upper left corner. */
const LOGO =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 130 32" width="130" height="32">' +
  '<text x="0" y="23" font-family="sans-serif" font-size="22" font-weight="bold" fill="#fff">Holdfast</text></svg>';

/** Registers both in a scope of their own, because a page needs a wider content security policy than an API. */
export async function addDocsPage(app: FastifyInstance, document: object): Promise<void> {
  const docs = async (scope: FastifyInstance): Promise<void> => {
    await scope.register(helmet, { contentSecurityPolicy: CONTENT_SECURITY_POLICY });
    await scope.register(swagger, { mode: 'static', specification: { document: document as never } });
    await scope.register(swaggerUi, {
      routePrefix: '/docs',
      // For reading only: requests need pinned certificates and signatures that a browser has not.
      uiConfig: { supportedSubmitMethods: [], deepLinking: true, docExpansion: 'list', validatorUrl: null },
      logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: '/docs', target: '_self' },
      theme: { title: (document as { info: { title: string } }).info.title },
    });
    scope.get('/openapi.json', async (_request, reply) =>
      reply.type('application/json; charset=utf-8').send(JSON.stringify(document)),
    );
  };
  await app.register(named('docs', docs));
}
