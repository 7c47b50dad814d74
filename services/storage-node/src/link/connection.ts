/** The one session of a node: opened when it is asked for, replaced when it ended, and what the mediator says in it. */
import type { Clock, Logger } from '@holdfast/platform';
import { fail, type LinkOrder, type NodeFigures, type SignRequest } from '@holdfast/protocol';
import type { LinePort } from './ports.ts';
import { openSession, type Session } from './session.ts';

export interface ConnectionOptions {
  readonly line: LinePort;
  readonly version: string;
  readonly figures: () => Promise<NodeFigures>;
  /** Resolves to how many of them were new. */
  readonly carryOut: (orders: readonly LinkOrder[]) => Promise<number>;
  /** Says how far orders were carried out. */
  readonly acknowledge: (session: Session) => Promise<void>;
  /** Runs what touches shards one after the other. */
  readonly inTurn: (work: () => Promise<void>) => Promise<void>;
  readonly onChallenge: (token: string, session: Session) => void;
  readonly onVerdict: (token: string) => void;
  readonly onSign: (request: SignRequest, session: Session) => Promise<void>;
  /** The session ended by itself. */
  readonly onEnd: () => void;
  /** Of the machine: for answers that do not come. */
  readonly lineClock: Clock;
  readonly logger: Logger;
}

export interface Connection {
  readonly isUp: boolean;
  /** What the mediator asked for; undefined without a session. */
  readonly heartbeatMs: number | undefined;
  /** @throws HoldfastError `link.closed` when there is none */
  session(): Session;
  /** Opens a session; resolves to its first orders. @throws HoldfastError */
  connect(): Promise<readonly LinkOrder[]>;
  close(): void;
}

const ANSWER_MS = 30_000;

export function createConnection(options: ConnectionOptions): Connection {
  const { logger } = options;
  let current: Session | undefined;
  /** What fails here is said again by the mediator. */
  const afterwards = (what: string, work: () => Promise<void>): void => {
    options.inTurn(work).catch((error: unknown) => logger.warn({ err: error }, `${what}; the mediator says it again`));
  };

  const connect = async (): Promise<readonly LinkOrder[]> => {
    const { session, orders } = await openSession(
      {
        port: options.line,
        version: options.version,
        clock: options.lineClock,
        timeoutMs: ANSWER_MS,
        handlers: {
          onOrders: (pushed) =>
            afterwards('orders were not carried out', async () => {
              await options.carryOut(pushed);
              if (current !== undefined) await options.acknowledge(current);
            }),
          onChallenge: (token) => {
            if (current !== undefined) options.onChallenge(token, current);
          },
          onVerdict: options.onVerdict,
          onSign: (request) =>
            afterwards('agreements were not signed', async () => {
              if (current !== undefined) await options.onSign(request, current);
            }),
        },
      },
      await options.figures(),
    );
    current = session;
    void session.ended.then((reason) => {
      if (current !== session) return;
      current = undefined;
      logger.info({ code: reason.code, detail: reason.message }, 'the link to the mediator has ended');
      options.onEnd();
    });
    logger.info('connected with the mediator');
    return orders;
  };

  return {
    get isUp() {
      return current !== undefined;
    },
    get heartbeatMs() {
      return current?.welcome.heartbeatMs;
    },
    session() {
      if (current === undefined) throw fail('link.closed', { detail: 'it ended during a visit' });
      return current;
    },
    connect,
    close() {
      const closing = current;
      current = undefined;
      closing?.close();
    },
  };
}
