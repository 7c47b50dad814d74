/** The line to the mediator: a WebSocket over TLS, with its pinned CA and the node's certificate. */
import { mediatorUri, pinnedConnectOptions } from '@holdfast/platform';
import {
  decodeToNode,
  encodeFromNode,
  errorFromProblem,
  fail,
  HoldfastError,
  LINK_PATH,
  MAX_TEXT_TO_NODE_BYTES,
  type MediatorId,
} from '@holdfast/protocol';
import type { IncomingMessage } from 'node:http';
import { type RawData, WebSocket } from 'ws';
import type { Line, LineHandlers, LinePort } from '../link/index.ts';

export interface MediatorLinkOptions {
  readonly baseUrl: string;
  readonly caPem: string;
  readonly mediatorId: MediatorId;
  /** Of the node's certificate. */
  readonly tlsKeyPem: string;
  /** The newest one. */
  readonly certPem: () => string | undefined;
  /** Without a sign of life for so long the line is given up; the mediator pings every 20 s. */
  readonly idleMs: number;
  /** Ends what stands and what is being opened. */
  readonly closing: AbortSignal;
}

const HANDSHAKE_MS = 15_000;
const MAX_REFUSAL_BYTES = 16_384;

export const createMediatorLink = (options: MediatorLinkOptions): LinePort => ({
  async connect(handlers) {
    const certPem = options.certPem();
    if (certPem === undefined) throw fail('auth.certificate-required');
    if (options.closing.aborted) throw closed('the node stops');
    const { baseUrl, caPem, mediatorId, tlsKeyPem } = options;
    const pinned = { caPem, expectUri: mediatorUri(mediatorId), certPem, keyPem: tlsKeyPem };
    const socket = new WebSocket(`${baseUrl.replace(/^https/, 'wss')}${LINK_PATH}`, {
      // Its types know another `checkServerIdentity` than the one of TLS, to which it hands them.
      ...(pinnedConnectOptions(pinned) as object),
      maxPayload: MAX_TEXT_TO_NODE_BYTES,
      perMessageDeflate: false,
      followRedirects: false,
      handshakeTimeout: HANDSHAKE_MS,
    });
    const line = lineOver(socket, handlers, options.idleMs);
    const onClosing = (): void => line.close();
    options.closing.addEventListener('abort', onClosing, { once: true });
    void line.ended.then(() => options.closing.removeEventListener('abort', onClosing));
    await opened(socket, baseUrl);
    return line;
  },
});

function lineOver(socket: WebSocket, handlers: LineHandlers, idleMs: number): Line {
  const ended = Promise.withResolvers<HoldfastError>();
  let why: HoldfastError | undefined;
  const giveUp = (reason: HoldfastError): void => {
    why ??= reason;
    socket.terminate();
  };
  const idle = setTimeout(() => giveUp(closed('no sign of life')), idleMs);
  socket.on('ping', () => idle.refresh());
  socket.on('message', (data: RawData, isBinary: boolean) => {
    idle.refresh();
    if (why !== undefined) return;
    try {
      if (isBinary) throw fail('link.malformed', { detail: 'binary messages go to the mediator only.' });
      handlers.onMessage(decodeToNode((data as Buffer).toString('utf8')));
    } catch (error) {
      giveUp(error instanceof HoldfastError ? error : fail('link.closed', { detail: 'a fault of the node' }, error));
    }
  });
  socket.on('error', (error) => {
    why ??= closed(error.message);
  });
  socket.on('close', (code) => {
    clearTimeout(idle);
    ended.resolve(why ?? closed(`it was closed (${code})`));
  });
  const sent = (data: string | Uint8Array): Promise<void> =>
    new Promise((resolve, reject) => {
      socket.send(data, (error) => (error ? reject(closed(error.message)) : resolve()));
    });
  return {
    say: (message) => sent(encodeFromNode(message)),
    show: (frame) => sent(frame),
    close: () => giveUp(closed('the node closed it')),
    ended: ended.promise,
  };
}

const closed = (detail: string): HoldfastError => fail('link.closed', { detail });

function opened(socket: WebSocket, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const away = (detail: string, cause?: unknown): void =>
      reject(fail('remote.unreachable', { who: 'The mediator', address, detail }, cause));
    socket.once('open', resolve);
    socket.once('error', (error) => away(error.message, error));
    socket.once('unexpected-response', (request, response: IncomingMessage) => {
      readRefusal(response).then(
        (text) => {
          reject(refusalOf(response.statusCode ?? 0, text));
          request.destroy();
        },
        (error: Error) => away(error.message, error),
      );
    });
  });
}

async function readRefusal(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of response) {
    text += String(part);
    if (text.length > MAX_REFUSAL_BYTES) break;
  }
  return text;
}

function refusalOf(status: number, text: string): HoldfastError {
  try {
    return errorFromProblem(JSON.parse(text), 'The mediator');
  } catch {
    return fail('remote.unexpected', { from: 'The mediator', detail: `it answered ${status}` });
  }
}
