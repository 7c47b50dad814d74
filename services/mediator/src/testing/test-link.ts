/** For tests: a node's end of a link, which says and hears just what a test wants. */
import { once } from 'node:events';
import {
  decodeToNode,
  encodeFromNode,
  errorFromProblem,
  type FromNode,
  LINK_PATH,
  LINK_PROTOCOL,
  MAX_TEXT_TO_NODE_BYTES,
  type OrdersMessage,
  type ToNode,
} from '@holdfast/protocol';
import { type PinnedConnection, pinnedConnectOptions } from '@holdfast/platform';
import { WebSocket } from 'ws';

export interface TestLink {
  readonly socket: WebSocket;
  /** All that was heard, in order. */
  readonly heard: readonly ToNode[];
  say(message: FromNode): void;
  /** The next message of that type that was not asked for yet. Rejects when the link ends first, with its last word. */
  hear<Type extends ToNode['type']>(type: Type): Promise<ToNode & { type: Type }>;
  /** Says hello; resolves to the orders that answer it. */
  hello(state?: { carriedOutOrder?: number; freeBytes?: number }): Promise<OrdersMessage>;
  /** Says that it is up; resolves to the orders that answer that. */
  heartbeat(state?: { carriedOutOrder?: number; freeBytes?: number }): Promise<OrdersMessage>;
  /** Resolves to the code of its end. */
  readonly ended: Promise<number>;
  close(): Promise<void>;
}

/** @throws HoldfastError why the mediator refused it */
export async function openTestLink(
  baseUrl: string,
  pinned: PinnedConnection,
  options: { autoPong?: boolean } = {},
): Promise<TestLink> {
  const socket = new WebSocket(`${baseUrl.replace('https:', 'wss:')}${LINK_PATH}`, {
    // Its types know another `checkServerIdentity` than the one of TLS, to which it hands them.
    ...(pinnedConnectOptions(pinned) as object),
    maxPayload: MAX_TEXT_TO_NODE_BYTES,
    perMessageDeflate: false,
    ...options,
  });
  const heard: ToNode[] = [];
  const waiting: { type: string; take: (message: ToNode) => void; fail: (error: Error) => void }[] = [];
  let unasked: ToNode[] = [];
  let beat = 0;
  socket.on('error', () => undefined);
  const ended = once(socket, 'close').then(([code]) => {
    for (const { fail } of waiting.splice(0)) fail(endOf(heard, code as number));
    return code as number;
  });
  socket.on('message', (data) => {
    const message = decodeToNode((data as Buffer).toString());
    heard.push(message);
    const at = waiting.findIndex(({ type }) => type === message.type);
    if (at < 0) unasked.push(message);
    else waiting.splice(at, 1)[0]!.take(message);
  });
  await opened(socket);

  const link: TestLink = {
    socket,
    heard,
    say: (message) => socket.send(encodeFromNode(message)),
    hear: (type) =>
      new Promise((resolve, reject) => {
        const found = unasked.find((message) => message.type === type);
        unasked = unasked.filter((message) => message !== found);
        if (found !== undefined) resolve(found as never);
        else if (socket.readyState >= WebSocket.CLOSING) reject(endOf(heard, 0));
        else waiting.push({ type, take: resolve as never, fail: reject });
      }),
    async hello(state = {}) {
      link.say({ type: 'hello', protocol: LINK_PROTOCOL, version: '1', ...figures(state) });
      await link.hear('welcome');
      return ordersOf(0);
    },
    async heartbeat(state = {}) {
      beat += 1;
      const mine = beat;
      link.say({ type: 'heartbeat', beat: mine, ...figures(state) });
      return ordersOf(mine);
    },
    ended,
    async close() {
      socket.terminate();
      await ended;
    },
  };
  const figures = ({ carriedOutOrder = 0, freeBytes = 1e12 }) => ({ usedBytes: 0, freeBytes, carriedOutOrder });
  const ordersOf = async (mine: number): Promise<OrdersMessage> => {
    for (;;) {
      const refused = link.hear('refused').then(({ code, params }) => {
        throw errorFromProblem({ code, params }, 'The mediator');
      });
      refused.catch(() => undefined);
      const orders = await Promise.race([link.hear('orders'), refused]);
      if (orders.beat === mine) return orders;
    }
  };
  return link;
}

function endOf(heard: readonly ToNode[], code: number): Error {
  const last = heard.at(-1);
  if (last?.type === 'bye') return errorFromProblem(last, 'The mediator');
  return new Error(`the link ended with ${code}`);
}

function opened(socket: WebSocket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
    socket.once('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        try {
          reject(errorFromProblem(JSON.parse(text), 'The mediator'));
        } catch {
          reject(new Error(`${response.statusCode}: ${text}`));
        }
      });
    });
  });
}
