/** A bare TLS connection to a node, for requests that no decent client sends. */
import { once } from 'node:events';
import { connect, type TLSSocket } from 'node:tls';

export interface BareConnection {
  readonly socket: TLSSocket;
  /** Writes the head of a request. */
  head(method: string, path: string, headers: Readonly<Record<string, string | number>>): void;
  /** Resolves when the node closed the connection, to all that it sent; never rejects. */
  readonly closed: Promise<string>;
  /** Resolves when that much text was received. */
  received(pattern: RegExp): Promise<RegExpExecArray>;
}

export async function connectBarely(baseUrl: string): Promise<BareConnection> {
  const { hostname, port } = new URL(baseUrl);
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false });
  socket.on('error', () => undefined);
  let text = '';
  let look = (): void => {};
  socket.on('data', (part: Buffer) => {
    text += part.toString('latin1');
    look();
  });
  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      look();
      resolve(text);
    });
  });
  await once(socket, 'secureConnect');
  return {
    socket,
    closed,
    head(method, path, headers) {
      const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
      socket.write([`${method} ${path} HTTP/1.1`, 'host: node', ...lines, '', ''].join('\r\n'));
    },
    received: (pattern) =>
      new Promise((resolve, reject) => {
        look = () => {
          const match = pattern.exec(text);
          if (match !== null) resolve(match);
          else if (socket.destroyed) reject(new Error(`closed after ${JSON.stringify(text.slice(0, 300))}`));
        };
        look();
      }),
  };
}
