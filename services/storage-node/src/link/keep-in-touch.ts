/** Keeps the node registered and connected for as long as it runs: it never gives up, and never dies. */
import { type Clock, type Logger, randomIntBelow, type Randomness } from '@holdfast/platform';
import { fail, HoldfastError, type LinkOrder, MAX_LINK_LOSSES, type NodeFigures } from '@holdfast/protocol';
import { carryOutOrders, type Order } from '../orders/index.ts';
import { type NodeOffer, type Registrar, type RegistrationPort, retryDelayMs } from '../registration/index.ts';
import type { ShardName, ShardRecords, ShardStore } from '../shards/index.ts';
import type { LinePort } from './ports.ts';
import { openSession, type Session, type SessionHandlers } from './session.ts';

export interface TouchOptions {
  readonly port: RegistrationPort;
  readonly line: LinePort;
  readonly registrar: Registrar;
  readonly offer: NodeOffer;
  readonly store: ShardStore;
  readonly records: ShardRecords;
  /** Signs that the node lost these shards. */
  readonly signLosses: (names: readonly ShardName[]) => string;
  /** What else the mediator says, and where the answers go. */
  readonly onChallenge: (token: string, session: Session) => void;
  readonly onVerdict: (token: string) => void;
  readonly onSign: (request: Parameters<SessionHandlers['onSign']>[0], session: Session) => Promise<void>;
  readonly version: string;
  /** At most so long from one heartbeat to the next; the mediator may want them more often. */
  readonly everyMs: number;
  readonly clock: Clock;
  /** Of the machine: for answers that do not come. */
  readonly lineClock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
}

export interface Touch {
  /** Registers and connects where due, tells the node's state, carries out all orders, reports losses. @throws HoldfastError */
  visit(): Promise<void>;
  /** Stays connected until the signal aborts; resolves then. */
  run(signal: AbortSignal): Promise<void>;
  /** Visits soon: there is something to tell. */
  hurry(): void;
  /** Ends the link; a visit under way fails. */
  close(): void;
  /** Time of the last visit that went well; undefined before the first. */
  readonly lastVisitAtMs: number | undefined;
  readonly isConnected: boolean;
  /** Whether the mediator has reached this node. */
  readonly isReachable: boolean;
}

/** Answers that mean: it does not know this node, or not this certificate. */
const UNKNOWN_NODE = ['node.unknown', 'auth.certificate-required'];
/** A visit ends after so many rounds of orders, in any case. */
const MAX_ROUNDS = 1000;
const ANSWER_MS = 30_000;
const HURRY_MS = 200;
/** Sooner than the mediator takes a node for offline. */
const LONGEST_RETRY_MS = 30_000;

export function createTouch(options: TouchOptions): Touch {
  const { port, registrar, offer, store, records, clock, logger } = options;
  let lastVisitAtMs: number | undefined;
  const reach = { isReachable: false, attempts: 0, nextAtMs: 0 };
  let last: Promise<void> = Promise.resolve();
  let wake = new AbortController();
  let session: Session | undefined;

  const figures = async (): Promise<NodeFigures> => {
    const { usedBytes, freeBytes } = await store.figures();
    return { usedBytes, freeBytes, carriedOutOrder: records.cursor() };
  };
  const carryOut = (orders: readonly LinkOrder[]): Promise<number> =>
    carryOutOrders({ store, records, logger }, orders.map(toOrder));

  /** One at a time: visits, and what the mediator says between them. */
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(work);
    last = mine.then(
      () => undefined,
      () => undefined,
    );
    return mine;
  };
  /** What fails here is said again by the mediator. */
  const afterwards = (what: string, work: () => Promise<void>): void => {
    inTurn(work).catch((error: unknown) => logger.warn({ err: error }, `${what}; the mediator says it again`));
  };

  const connect = async (): Promise<readonly LinkOrder[]> => {
    let mine: Session | undefined;
    const withSession = (work: (current: Session) => void): void => {
      if (mine !== undefined && session === mine) work(mine);
    };
    const opened = await openSession(
      {
        port: options.line,
        version: options.version,
        clock: options.lineClock,
        timeoutMs: ANSWER_MS,
        handlers: {
          onOrders: (orders) =>
            afterwards('orders were not carried out', async () => {
              await carryOut(orders);
              await mine?.carriedOut(records.cursor());
            }),
          onChallenge: (token) => withSession((current) => options.onChallenge(token, current)),
          onVerdict: options.onVerdict,
          onSign: (request) =>
            afterwards('agreements were not signed', async () => {
              if (mine !== undefined) await options.onSign(request, mine);
            }),
        },
      },
      await figures(),
    );
    mine = opened.session;
    session = mine;
    void mine.ended.then((reason) => {
      if (session !== mine) return;
      session = undefined;
      logger.info({ code: reason.code, detail: reason.message }, 'the link to the mediator has ended');
      wake.abort();
    });
    logger.info('connected with the mediator');
    return opened.orders;
  };

  const beat = async (first: readonly LinkOrder[] | undefined): Promise<void> => {
    let orders = first;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      if (session === undefined) throw fail('link.closed', { detail: 'it ended during a visit' });
      orders ??= await session.heartbeat(await figures());
      if ((await carryOut(orders)) === 0) return;
      orders = undefined;
    }
  };

  const reportLosses = async (): Promise<void> => {
    for (;;) {
      const names = records.unreportedLosses(MAX_LINK_LOSSES).map((loss) => loss.name);
      if (names.length === 0) return;
      if (session === undefined) throw fail('link.closed', { detail: 'it ended during a visit' });
      await session.reportLosses(options.signLosses(names));
      records.markReported(names);
      logger.warn({ count: names.length }, 'losses were reported to the mediator');
    }
  };

  const askReachability = async (): Promise<void> => {
    if (reach.isReachable || clock.nowMs() < reach.nextAtMs) return;
    const report = await port.checkReachability();
    reach.isReachable = report.reachable;
    reach.nextAtMs = clock.nowMs() + retryDelayMs(reach.attempts++);
    if (report.reachable)
      logger.info({ addresses: report.addresses }, 'the mediator reached this node; it is on offer');
    else logger.warn({ addresses: report.addresses }, 'the mediator cannot reach this node; asking again later');
  };

  const visitOnce = async (): Promise<void> => {
    try {
      if (registrar.isDue(offer)) {
        await registrar.register(offer);
        Object.assign(reach, { isReachable: false, attempts: 0, nextAtMs: 0 });
        logger.info('registered with the mediator');
        // The next link shows the new certificate.
        close();
      }
      await askReachability();
      await beat(session === undefined ? await connect() : undefined);
      await reportLosses();
      lastVisitAtMs = clock.nowMs();
    } catch (error) {
      if (error instanceof HoldfastError && UNKNOWN_NODE.includes(error.code)) {
        registrar.forget();
        close();
      }
      throw error;
    }
  };
  const visit = (): Promise<void> => inTurn(visitOnce);
  const close = (): void => {
    const closing = session;
    session = undefined;
    closing?.close();
  };

  const rest = async (delayMs: number, signal: AbortSignal): Promise<void> => {
    await clock.sleep(Math.round(delayMs), AbortSignal.any([signal, wake.signal])).catch(() => undefined);
    if (!wake.signal.aborted || signal.aborted) return;
    wake = new AbortController();
    // A little apart, so that the nodes of one mediator do not come all at once after it was away.
    await clock.sleep(HURRY_MS + randomIntBelow(options.randomness, HURRY_MS), signal).catch(() => undefined);
  };
  /** A tenth more or less. */
  const jittered = (ms: number): number => ms * (0.9 + randomIntBelow(options.randomness, 2001) / 10_000);
  /** Half of it to all of it. */
  const backOff = (failures: number): number =>
    Math.min(LONGEST_RETRY_MS, retryDelayMs(failures - 1)) * (0.5 + randomIntBelow(options.randomness, 501) / 1000);

  return {
    visit,
    async run(signal) {
      let failures = 0;
      while (!signal.aborted) {
        try {
          await visit();
          if (failures > 0) logger.info({ failures }, 'the mediator is back');
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          logger.warn({ err: error, failures }, 'the visit to the mediator failed; the node serves on');
          failures += 1;
        }
        const reachRestMs = reach.isReachable ? options.everyMs : Math.max(0, reach.nextAtMs - clock.nowMs());
        const everyMs = Math.min(options.everyMs, session?.welcome.heartbeatMs ?? options.everyMs);
        if (failures > 0) {
          // What ended together with a failed visit needs no hurry.
          wake = new AbortController();
          await rest(backOff(failures), signal);
        } else await rest(jittered(Math.min(everyMs, reachRestMs)), signal);
      }
    },
    hurry: () => wake.abort(),
    close,
    get lastVisitAtMs() {
      return lastVisitAtMs;
    },
    get isConnected() {
      return session !== undefined;
    },
    get isReachable() {
      return reach.isReachable;
    },
  };
}

function toOrder(order: LinkOrder): Order {
  if (order.kind === 'discard-upload') return order;
  const { order: number, kind, clientId } = order;
  return {
    order: number,
    kind,
    shards: order.shards.map(([packId, shardIndex]) => ({ clientId, packId, shardIndex })),
  };
}
