/** The endpoint of the link: a WebSocket on the HTTPS server, for nodes that show their certificate. */
import type { TLSSocket } from 'node:tls';
import websocket from '@fastify/websocket';
import { LINK_PATH, MAX_PROOF_FRAME_BYTES } from '@holdfast/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Links } from './links.ts';

export interface LinkRouteOptions {
  readonly links: Links;
  /** Who connects, by the certificate shown; counts the attempt. @throws HoldfastError */
  readonly authenticate: (request: FastifyRequest) => Promise<{ nodeId: string; fingerprint: string }>;
}

export async function addLinkRoute(app: FastifyInstance, { links, authenticate }: LinkRouteOptions): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: MAX_PROOF_FRAME_BYTES,
      perMessageDeflate: false,
      clientTracking: false,
      skipUTF8Validation: false,
    },
    // The server closes when all connections have ended: the nodes are told to connect elsewhere.
    preClose: (done) => void links.close().finally(() => done()),
  });
  const known = new WeakMap<FastifyRequest, { nodeId: string; fingerprint: string }>();
  app.get(
    LINK_PATH,
    {
      websocket: true,
      onRequest: async (request) => {
        known.set(request, await authenticate(request));
        links.checkRoom();
      },
    },
    (socket, request) => {
      links.add({ ...known.get(request)!, socket, stream: request.raw.socket as TLSSocket });
    },
  );
}
