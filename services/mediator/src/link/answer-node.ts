/** What the mediator answers to each thing that a node says. */
import type { Clock } from '@holdfast/platform';
import {
  beatName,
  challengeIdOfFrame,
  fail,
  type FromNode,
  type Heartbeat,
  type Hello,
  LINK_PROTOCOL,
  messageHash,
  orderName,
  type ToNode,
} from '@holdfast/protocol';
import type { LinkPorts } from './ports.ts';
import type { Pushes } from './pushes.ts';
import type { LinkSettings } from './settings.ts';

export interface AnswersOptions {
  readonly nodeId: string;
  readonly ports: LinkPorts;
  readonly settings: LinkSettings;
  readonly clock: Clock;
  readonly pushes: Pushes;
  readonly send: (message: ToNode) => Promise<void>;
  /** Runs the work; what it throws is the answer to that message. */
  readonly orRefuse: (of: string, work: () => Promise<void>) => Promise<void>;
  /** Something may wait for the node. */
  readonly wake: () => void;
}

export interface Answers {
  /** Whether the node has said hello. */
  readonly isGreeted: boolean;
  /** @throws HoldfastError for what ends the link */
  onMessage(message: FromNode): Promise<void>;
  /** @throws HoldfastError `proof.malformed` for what is no frame at all */
  onProof(frame: Uint8Array): Promise<void>;
}

export function createAnswers(options: AnswersOptions): Answers {
  const { nodeId, ports, settings, clock, pushes, send, orRefuse, wake } = options;
  let version: string | undefined;

  const greet = async (hello: Hello): Promise<void> => {
    if (version !== undefined) throw fail('link.out-of-turn', { type: hello.type });
    if (hello.protocol !== LINK_PROTOCOL) {
      throw fail('link.wrong-protocol', { spoken: hello.protocol, wanted: LINK_PROTOCOL });
    }
    version = hello.version;
    const { heartbeatMs, periodMs } = settings;
    await send({ type: 'welcome', timeMs: clock.nowMs(), heartbeatMs, periodMs });
    await beat({ ...hello, type: 'heartbeat', beat: 0 });
  };
  const beat = async ({ beat: number, usedBytes, freeBytes, carriedOutOrder }: Heartbeat): Promise<void> => {
    await orRefuse(beatName(number), async () => {
      const state = { version: version!, usedBytes, freeBytes, carriedOutOrder };
      const orders = await ports.nodes.heartbeat(nodeId, state);
      pushes.noteCarriedOut(carriedOutOrder, true);
      await pushes.sendOrders(number, orders);
    });
    wake();
  };
  const handle = async (message: FromNode): Promise<void> => {
    if (message.type === 'hello') return greet(message);
    if (version === undefined) throw fail('link.out-of-turn', { type: message.type });
    if (message.type === 'heartbeat') return beat(message);
    if (message.type === 'carried-out') {
      const { order, uncommitted } = message;
      const of = orderName(order);
      await orRefuse(of, async () => {
        await ports.orders.carriedOut(nodeId, order);
        if (uncommitted.length === 0) return;
        await ports.orders.noteUncommitted(nodeId, uncommitted);
        await send({ type: 'noted', of });
      });
      pushes.noteCarriedOut(message.order, false);
      return wake();
    }
    const of = messageHash(message.token);
    await orRefuse(of, async () => {
      if (message.type === 'loss-report') await ports.losses.report(nodeId, message.token);
      else await ports.agreements.signed(nodeId, message.what, message.token);
      await send({ type: 'noted', of });
    });
  };
  const takeProof = async (frame: Uint8Array): Promise<void> => {
    const challengeId = challengeIdOfFrame(frame);
    await orRefuse(challengeId, async () => {
      const bound = pushes.boundOf(challengeId);
      if (bound === undefined) throw fail('challenge.unknown', { challengeId });
      if (frame.length > bound) throw fail('input.too-large', { what: 'proof', limit: `${bound} bytes` });
      const { proofHash } = await ports.challenges.answer(nodeId, frame);
      pushes.noteAnswered(challengeId);
      await send({ type: 'accepted', challengeId, proofHash });
    });
  };

  return {
    get isGreeted() {
      return version !== undefined;
    },
    onMessage: handle,
    onProof: takeProof,
  };
}
