/** The endpoint of the stream of events: a WebSocket for whoever is signed in. */
import type { TLSSocket } from 'node:tls';
import { fail } from '@holdfast/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type EventPlace, parsePlace } from '../overview/index.ts';
import { viewerOf } from './authenticate.ts';
import type { EventStreams } from './event-stream.ts';

const EVENTS_PATH = '/v1/events';

export interface EventsRouteOptions {
  readonly streams: EventStreams;
  /** Who connects; counts the attempt. @throws HoldfastError */
  readonly authenticate: (request: FastifyRequest) => Promise<void>;
}

/** Needs the WebSocket plugin, which the link of the nodes brings. */
export function addEventsRoute(app: FastifyInstance, { streams, authenticate }: EventsRouteOptions): void {
  app.get(
    EVENTS_PATH,
    {
      websocket: true,
      onRequest: async (request) => {
        await authenticate(request);
        placeAsked(request);
        streams.checkRoom(viewerOf(request));
      },
    },
    (socket, request) => {
      const after = placeAsked(request);
      const stream = request.raw.socket as TLSSocket;
      streams.add({ socket, stream, viewer: viewerOf(request), ...(after !== undefined && { after }) });
    },
  );
}

function placeAsked({ query }: FastifyRequest): EventPlace | undefined {
  const { after } = query as { after?: unknown };
  if (after === undefined) return undefined;
  if (typeof after !== 'string') throw fail('input.invalid', { detail: 'after is given once.' });
  return parsePlace(after);
}
