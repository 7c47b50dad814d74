/** One conversation over one line: questions with their answers, and what the mediator says by itself. */
import type { Clock } from '@holdfast/platform';
import {
  beatName,
  type Bye,
  errorFromProblem,
  fail,
  type HoldfastError,
  LINK_PROTOCOL,
  type LinkOrder,
  messageHash,
  type NodeFigures,
  orderName,
  type Refused,
  type SignRequest,
  type ToNode,
  type UncommittedBytes,
  type Welcome,
} from '@holdfast/protocol';
import type { Line, LinePort } from './ports.ts';
import { createQuestions } from './questions.ts';

/** What the mediator says without being asked. */
export interface SessionHandlers {
  onOrders(orders: readonly LinkOrder[]): void;
  onChallenge(token: string): void;
  onVerdict(token: string): void;
  onSign(request: SignRequest): void;
}

export interface Session {
  readonly welcome: Welcome;
  /** Tells how the node is; resolves to the orders that are to be carried out next. @throws HoldfastError */
  heartbeat(figures: NodeFigures): Promise<readonly LinkOrder[]>;
  /** All up to that order are durable. With what uploads left: resolves when the mediator has noted it. @throws HoldfastError */
  carriedOut(order: number, uncommitted: readonly UncommittedBytes[]): Promise<void>;
  /** Resolves when the mediator has noted it durably. @throws HoldfastError */
  reportLosses(token: string): Promise<void>;
  /** As `reportLosses`. */
  sendSigned(what: 'agreement' | 'amendment', token: string): Promise<void>;
  /** Shows a proof; resolves when the mediator has accepted it. @throws HoldfastError */
  showProof(challengeId: string, frame: Uint8Array): Promise<void>;
  close(): void;
  /** Resolves when the line is gone, to why. */
  readonly ended: Promise<HoldfastError>;
  readonly hasEnded: boolean;
}

export interface SessionOptions {
  readonly port: LinePort;
  readonly handlers: SessionHandlers;
  readonly version: string;
  readonly clock: Clock;
  /** For an answer. */
  readonly timeoutMs: number;
}

const WELCOME = 'welcome';

/** Connects and says hello. Resolves with the first orders. @throws HoldfastError */
export async function openSession(
  options: SessionOptions,
  figures: NodeFigures,
): Promise<{ session: Session; orders: readonly LinkOrder[] }> {
  const { handlers } = options;
  let end: HoldfastError | undefined;
  let goodbye: HoldfastError | undefined;
  let beat = 0;
  // A mediator that does not answer is as good as away: the line is given up with the question.
  const questions = createQuestions(options.clock, options.timeoutMs, () => line.close());
  const ask = (name: string, put: () => Promise<void>): Promise<ToNode> => questions.ask(name, put);

  const line: Line = await options.port.connect({
    onMessage(message) {
      switch (message.type) {
        case 'welcome':
          return void questions.answer(WELCOME, message);
        case 'orders':
          // Those that answer a question of ours which ran out of time are said again.
          if (!questions.answer(beatOf(message.beat), message)) handlers.onOrders(message.orders);
          return;
        case 'accepted':
          return void questions.answer(message.challengeId, message);
        case 'noted':
          return void questions.answer(message.of, message);
        case 'refused':
          return refuse(message);
        case 'challenge':
          return handlers.onChallenge(message.token);
        case 'verdict':
          return handlers.onVerdict(message.token);
        case 'sign':
          return handlers.onSign(message);
        case 'bye':
          goodbye = problemOf(message);
      }
    },
  });
  const refuse = (message: Refused): void =>
    questions.refuse(questions.has(message.of) ? message.of : beatOf(Number(message.of)), problemOf(message));
  const ended = line.ended.then((reason) => {
    end = goodbye ?? reason;
    questions.end(end);
    return end;
  });

  const first = ask(beatOf(0), async () => undefined);
  first.catch(() => line.close());
  const hello = { type: 'hello', protocol: LINK_PROTOCOL, version: options.version, ...figures } as const;
  const welcome = (await ask(WELCOME, () => line.say(hello))) as Welcome;
  const session: Session = {
    welcome,
    async heartbeat(state) {
      beat += 1;
      const mine = beat;
      return ordersIn(await ask(beatOf(mine), () => line.say({ type: 'heartbeat', beat: mine, ...state })));
    },
    async carriedOut(order, uncommitted) {
      const say = (): Promise<void> => line.say({ type: 'carried-out', order, uncommitted });
      await (uncommitted.length === 0 ? say() : ask(orderName(order), say));
    },
    async reportLosses(token) {
      await ask(messageHash(token), () => line.say({ type: 'loss-report', token }));
    },
    async sendSigned(what, token) {
      await ask(messageHash(token), () => line.say({ type: 'signed', what, token }));
    },
    async showProof(challengeId, frame) {
      await ask(challengeId, () => line.show(frame));
    },
    close: () => line.close(),
    ended,
    get hasEnded() {
      return end !== undefined;
    },
  };
  return { session, orders: ordersIn(await first) };
}

const beatOf = (beat: number): string => `beat ${beatName(beat)}`;
const ordersIn = (message: ToNode): readonly LinkOrder[] => (message.type === 'orders' ? message.orders : []);

const problemOf = ({ code, params }: Refused | Bye): HoldfastError =>
  code === 'internal.unexpected'
    ? fail('remote.unexpected', { from: 'The mediator', detail: 'it met a fault of its own' })
    : errorFromProblem({ code, params }, 'The mediator');
