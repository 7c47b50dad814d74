/** For tests: an address that stays while the server behind it comes and goes. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface TestDoor {
  /** On 127.0.0.1. */
  readonly port: number;
  /** Nobody is let in any more, and who is inside is thrown out. */
  close(): void;
}

/** @param connectBehind to the server, for whoever comes; a connection that breaks on one side breaks on the other */
export async function openDoor(connectBehind: () => Socket): Promise<TestDoor> {
  const sockets = new Set<Socket>();
  const door = createServer((client) => {
    const behind = connectBehind();
    for (const [one, other] of [
      [client, behind],
      [behind, client],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }).listen(0, '127.0.0.1');
  await once(door, 'listening');
  return {
    port: (door.address() as AddressInfo).port,
    close() {
      door.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
