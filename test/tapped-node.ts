/** What a storage node sees of those who read from it: the beginning of each connection, and the head of each request. */
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { connect, createServer, type AddressInfo } from 'node:net';

/** A relay that keeps the first bytes of each connection: TLS begins with what the client says of itself. */
export interface Tap {
  /** `host:port` to come in by. */
  readonly address: string;
  /** One for each connection. */
  readonly hellos: Buffer[];
  /** Where connections go. */
  target: string;
  stop(): Promise<void>;
}

export async function startTap(host: string): Promise<Tap> {
  const hellos: Buffer[] = [];
  const server = createServer((incoming) => {
    const [targetHost, port] = tap.target.split(':');
    const outgoing = connect(Number(port), targetHost);
    incoming.once('data', (bytes: Buffer) => {
      hellos.push(bytes);
      outgoing.write(bytes);
      incoming.pipe(outgoing);
    });
    outgoing.pipe(incoming);
    for (const socket of [incoming, outgoing]) {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => {
        incoming.destroy();
        outgoing.destroy();
      });
    }
  });
  server.listen(0, host);
  await once(server, 'listening');
  const tap: Tap = {
    address: `${host}:${(server.address() as AddressInfo).port}`,
    hellos,
    target: '',
    stop: () => new Promise((resolve) => server.close(() => resolve())),
  };
  return tap;
}

/** GETs of shards that servers of this process were sent. */
export function watchShardReads(): { readonly requests: IncomingMessage[]; stop(): void } {
  const requests: IncomingMessage[] = [];
  const note = (message: unknown): void => {
    const { request } = message as { request: IncomingMessage };
    if (request.method === 'GET' && request.url?.startsWith('/v1/shards/') === true) requests.push(request);
  };
  diagnostics.subscribe('http.server.request.start', note);
  return { requests, stop: () => void diagnostics.unsubscribe('http.server.request.start', note) };
}

/** The versions, ciphers and extensions of a TLS ClientHello in their order, without what is drawn anew each time. */
export function describeHello(bytes: Buffer): { readonly text: string; readonly isResumed: boolean } {
  // Record header 5, handshake header 4, version 2, random 32, then the session id.
  let at = 43;
  at += 1 + bytes[at]!;
  const cipherBytes = bytes.readUInt16BE(at);
  const ciphers = bytes.toString('hex', at + 2, at + 2 + cipherBytes);
  at += 2 + cipherBytes;
  at += 1 + bytes[at]!;
  const end = at + 2 + bytes.readUInt16BE(at);
  const extensions: string[] = [];
  let isResumed = false;
  for (at += 2; at < end;) {
    const type = bytes.readUInt16BE(at);
    const length = bytes.readUInt16BE(at + 2);
    const content = bytes.subarray(at + 4, at + 4 + length);
    if (type === PRE_SHARED_KEY) isResumed = true;
    extensions.push(DRAWN.has(type) ? `${type}:${length}` : `${type}:${content.toString('hex')}`);
    at += 4 + length;
  }
  return { text: [bytes.toString('hex', 0, 3), ciphers, ...extensions].join(' '), isResumed };
}

const PRE_SHARED_KEY = 41;
const SERVER_NAME = 0;
const KEY_SHARE = 51;
/** The server's name is the node's, whoever connects; key shares are random. */
const DRAWN: ReadonlySet<number> = new Set([SERVER_NAME, KEY_SHARE, PRE_SHARED_KEY]);
