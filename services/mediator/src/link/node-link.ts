/** The mediator's side of one link: answers what the node says, and brings it what waits for it. */
import type { TLSSocket } from 'node:tls';
import type { Clock, Logger } from '@holdfast/platform';
import { decodeFromNode, fail, HoldfastError, type SigningContext, textsOf } from '@holdfast/protocol';
import type { WebSocket } from 'ws';
import { createAnswers } from './answer-node.ts';
import { createNodeSocket } from './node-socket.ts';
import type { LinkPorts } from './ports.ts';
import { createPushes } from './pushes.ts';
import type { LinkSettings } from './settings.ts';

export interface NodeLinkOptions {
  readonly nodeId: string;
  readonly fingerprint: string;
  /** For the log. */
  readonly linkId: string;
  readonly socket: WebSocket;
  readonly stream: TLSSocket;
  readonly ports: LinkPorts;
  readonly context: SigningContext;
  readonly settings: LinkSettings;
  /** Of the domain. */
  readonly clock: Clock;
  /** Of the machine, for the line. */
  readonly lineClock: Clock;
  readonly logger: Logger;
  /** An error of the database as one of the catalogue. */
  readonly translate: (error: unknown) => HoldfastError | undefined;
  readonly loggable: (error: unknown) => unknown;
  readonly onEnd: () => void;
}

export interface NodeLink {
  readonly nodeId: string;
  readonly fingerprint: string;
  /** When it was made, by the machine's clock. */
  readonly sinceMs: number;
  /** Looks what waits for the node, and brings it. */
  wake(): void;
  tick(nowMs: number): void;
  close(reason: HoldfastError): Promise<void>;
}

export function createNodeLink(options: NodeLinkOptions): NodeLink {
  const { nodeId, settings, logger } = options;
  let wakes = 0;

  const asProblem = (error: unknown): HoldfastError => {
    const known = error instanceof HoldfastError ? error : options.translate(error);
    if (known !== undefined) return known;
    logger.error({ err: options.loggable(error), nodeId }, 'a message of a node could not be handled');
    return fail('internal.unexpected', { incident: options.linkId });
  };
  /** Runs it; what it throws is the answer. */
  const orRefuse = async (of: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      if (line.closing.aborted) return;
      const problem = asProblem(error);
      await line.send({ type: 'refused', of, code: problem.code, params: textsOf(problem.params) });
    }
  };
  /** What is not the node's fault must not end the link; the next heartbeat or news tries again. */
  const bring = async (): Promise<void> => {
    const woken = wakes;
    try {
      await pushes.bring();
    } catch (error) {
      if (!line.closing.aborted) logger.warn({ err: options.loggable(asProblem(error)), nodeId }, 'news wait');
    }
    if (woken === wakes) wakes = 0;
    else line.inTurn(bring);
  };
  const wake = (): void => {
    wakes += 1;
    if (answers.isGreeted && wakes === 1) line.inTurn(bring);
  };

  const line = createNodeSocket({
    socket: options.socket,
    stream: options.stream,
    settings,
    clock: options.lineClock,
    onText: (text) => answers.onMessage(decodeFromNode(text)),
    onBinary: (frame) => answers.onProof(frame),
    onEnd: options.onEnd,
  });
  const pushes = createPushes({
    ...options,
    send: (message) => line.send(message),
    allow: (bytes) => line.allow(bytes),
  });
  const answers = createAnswers({ ...options, pushes, orRefuse, wake, send: (message) => line.send(message) });
  options.lineClock
    .sleep(settings.helloMs, line.closing)
    .then(() => (!answers.isGreeted ? line.close(fail('link.out-of-turn', { type: 'nothing' })) : undefined))
    .catch(() => undefined);

  const { fingerprint, lineClock } = options;
  return {
    nodeId,
    fingerprint,
    sinceMs: lineClock.nowMs(),
    wake,
    tick: (nowMs) => line.tick(nowMs),
    close: (reason) => line.close(reason),
  };
}
