/** Stands between a node and its mediator, passes everything on, and counts the bytes of both directions. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface CountingRelay {
  readonly port: number;
  /** Bytes of TCP's payload, TLS and all, in both directions since the start. */
  bytes(): number;
  close(): void;
}

/** Listens on 127.0.0.1 for what is meant for `port` there. */
export async function startCountingRelay(port: number): Promise<CountingRelay> {
  const open = new Set<Socket>();
  let ended = 0;
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        open.delete(one);
        ended += one.bytesRead;
        other.destroy();
      });
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    bytes: () => [...open].reduce((sum, socket) => sum + socket.bytesRead, ended),
    close() {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}
