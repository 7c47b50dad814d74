/** The fake mediator's side of the link: answers as the real one does, and says what a test wants. */
import { createHash } from 'node:crypto';
import type { Server } from 'node:https';
import type { TLSSocket } from 'node:tls';
import { parseIdentityUri, peerIdentity } from '@holdfast/platform';
import {
  challengeIdOfFrame,
  decodeFromNode,
  encodeToNode,
  type FromNode,
  HoldfastError,
  LINK_PATH,
  type LinkOrder,
  lossReport,
  messageHash,
  openMessage,
  orderName,
  type SigningContext,
  textsOf,
  type ToNode,
  type UncommittedBytes,
} from '@holdfast/protocol';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Order } from '../orders/index.ts';
import type { ShardName } from '../shards/index.ts';
import type { NodeState } from './test-mediator.ts';

export interface LinkServer {
  /** Open ones, oldest first. */
  readonly links: readonly WebSocket[];
  /** All that nodes said. */
  readonly said: readonly FromNode[];
  readonly proofs: readonly Buffer[];
  /** How many connected so far. */
  readonly connectionCount: () => number;
  /** To all. */
  push(message: ToNode): void;
  close(): void;
}

export interface LinkBehaviour {
  readonly signing: SigningContext;
  heartbeat(nodeId: string, state: NodeState): Promise<readonly Order[]>;
  reportLosses(nodeId: string, shards: readonly ShardName[]): Promise<void>;
  noteUncommitted(nodeId: string, uncommitted: readonly UncommittedBytes[]): Promise<void>;
}

export function serveLink(server: Server, mediator: LinkBehaviour): LinkServer {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  const links: WebSocket[] = [];
  const said: FromNode[] = [];
  const proofs: Buffer[] = [];
  let connectionCount = 0;
  server.on('upgrade', (request, stream, head) => {
    const identity = parseIdentityUri(peerIdentity(stream as TLSSocket) ?? '');
    if (request.url !== LINK_PATH || identity?.role !== 'node') {
      stream.destroy();
      return;
    }
    sockets.handleUpgrade(request, stream, head, (socket) => {
      connectionCount += 1;
      links.push(socket);
      socket.on('close', () => links.splice(links.indexOf(socket), 1));
      socket.on('error', () => undefined);
      const say = (message: ToNode): void => socket.send(encodeToNode(message));
      let version = '';
      socket.on('message', (data, isBinary) => {
        const bytes = data as Buffer;
        if (isBinary) {
          proofs.push(bytes);
          const proofHash = createHash('sha256').update(bytes).digest('hex');
          say({ type: 'accepted', challengeId: challengeIdOfFrame(bytes), proofHash });
          return;
        }
        const message = decodeFromNode(bytes.toString());
        said.push(message);
        if (message.type === 'hello') {
          ({ version } = message);
          say({ type: 'welcome', timeMs: 0, heartbeatMs: 3_600_000, periodMs: 3_600_000 });
        }
        void answer(mediator, identity.publicKeyHex, version, message).then((given) => given && say(given));
      });
    });
  });
  return {
    links,
    said,
    proofs,
    connectionCount: () => connectionCount,
    push: (message) => links.forEach((socket) => socket.send(encodeToNode(message))),
    close: () => links.forEach((socket) => socket.terminate()),
  };
}

async function answer(
  mediator: LinkBehaviour,
  nodeId: string,
  version: string,
  message: FromNode,
): Promise<ToNode | undefined> {
  const of =
    'token' in message
      ? messageHash(message.token)
      : message.type === 'carried-out'
        ? orderName(message.order)
        : String('beat' in message ? message.beat : 0);
  try {
    if (message.type === 'hello' || message.type === 'heartbeat') {
      const { usedBytes, freeBytes, carriedOutOrder } = message;
      const orders = await mediator.heartbeat(nodeId, { version, usedBytes, freeBytes, carriedOutOrder });
      return { type: 'orders', beat: Number(of), orders: orders.map(toLinkOrder) };
    }
    if (message.type === 'carried-out') {
      if (message.uncommitted.length === 0) return undefined;
      await mediator.noteUncommitted(nodeId, message.uncommitted);
      return { type: 'noted', of };
    }
    if (message.type === 'loss-report') {
      await mediator.reportLosses(nodeId, openMessage(lossReport, mediator.signing, message.token).shards);
    }
    return { type: 'noted', of };
  } catch (error) {
    if (!(error instanceof HoldfastError)) throw error;
    return { type: 'refused', of, code: error.code, params: textsOf(error.params) };
  }
}

const toLinkOrder = (order: Order): LinkOrder =>
  order.kind === 'discard-upload'
    ? order
    : {
        order: order.order,
        kind: order.kind,
        clientId: order.shards[0]!.clientId,
        shards: order.shards.map(({ packId, shardIndex }) => [packId, shardIndex] as const),
      };
