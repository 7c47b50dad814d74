/** Keeps the node registered and connected for as long as it runs: it never gives up, and never dies. */
import type { Clock, Randomness } from '@holdfast/platform';
import { HoldfastError, type LinkOrder, type NodeFigures } from '@holdfast/protocol';
import type { PriceRecords } from '../agreements/index.ts';
import { carryOutOrders, orderOf } from '../orders/index.ts';
import type { NodeOffer, Registrar, RegistrationPort } from '../registration/index.ts';
import type { ShardName, ShardRecords, ShardStore } from '../shards/index.ts';
import { type ConnectionOptions, createConnection } from './connection.ts';
import { createPace } from './pace.ts';
import { createReach } from './reach.ts';
import { acknowledge, reportAll } from './reports.ts';

export interface TouchOptions extends Pick<
  ConnectionOptions,
  'line' | 'onChallenge' | 'onVerdict' | 'onSign' | 'version' | 'lineClock' | 'logger'
> {
  readonly port: RegistrationPort;
  readonly registrar: Registrar;
  readonly offer: NodeOffer;
  readonly store: ShardStore;
  readonly records: ShardRecords & PriceRecords;
  /** Signs that the node lost these shards. */
  readonly signLosses: (names: readonly ShardName[]) => string;
  /** At most so long from one heartbeat to the next; the mediator may want them more often. */
  readonly everyMs: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
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
  /** Whether the mediator has reached this node. */
  readonly isReachable: boolean;
}

/** Answers that mean: it does not know this node, or not this certificate. */
const UNKNOWN_NODE = ['node.unknown', 'auth.certificate-required'];
/** A visit ends after so many rounds of orders, in any case. */
const MAX_ROUNDS = 1000;

export function createTouch(options: TouchOptions): Touch {
  const { port, registrar, offer, store, records, clock, logger } = options;
  let lastVisitAtMs: number | undefined;
  let isPriceNoted = false;
  let last: Promise<unknown> = Promise.resolve();
  const pace = createPace(clock, options.randomness);

  const figures = async (): Promise<NodeFigures> => {
    const { usedBytes, freeBytes } = await store.figures();
    return { usedBytes, freeBytes, carriedOutOrder: records.cursor() };
  };
  const carryOut = (orders: readonly LinkOrder[]): Promise<number> =>
    carryOutOrders({ store, records, logger }, orders.map(orderOf));

  /** One at a time: visits, and what the mediator says between them. */
  const inTurn = <Value>(work: () => Promise<Value>): Promise<Value> => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
  const reach = createReach(port, clock, logger);
  const connection = createConnection({
    ...options,
    figures,
    carryOut,
    acknowledge: (session) => acknowledge(options, session),
    inTurn,
    onEnd: () => pace.hurry(),
  });

  const beat = async (first: readonly LinkOrder[] | undefined): Promise<void> => {
    let orders = first;
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      orders ??= await connection.session().heartbeat(await figures());
      if ((await carryOut(orders)) === 0) return;
      orders = undefined;
    }
  };

  const visitOnce = async (): Promise<void> => {
    try {
      if (registrar.isDue(offer)) {
        await registrar.register(offer);
        reach.reset();
        logger.info('registered with the mediator');
        // The next link shows the new certificate.
        connection.close();
        isPriceNoted = false;
      }
      if (!isPriceNoted) records.notePrice(offer.priceSatPerTbMonth, clock.nowMs());
      isPriceNoted = true;
      await reach.ask();
      await beat(connection.isUp ? undefined : await connection.connect());
      await reportAll(options, () => connection.session());
      lastVisitAtMs = clock.nowMs();
    } catch (error) {
      if (error instanceof HoldfastError && UNKNOWN_NODE.includes(error.code)) {
        registrar.forget();
        connection.close();
      }
      throw error;
    }
  };
  const visit = (): Promise<void> => inTurn(visitOnce);

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
        const everyMs = Math.min(options.everyMs, connection.heartbeatMs ?? options.everyMs);
        await (failures > 0 ? pace.backOff(failures, signal) : pace.rest(Math.min(everyMs, reach.restMs()), signal));
      }
    },
    hurry: () => pace.hurry(),
    close: () => connection.close(),
    get lastVisitAtMs() {
      return lastVisitAtMs;
    },
    get isReachable() {
      return reach.isReachable;
    },
  };
}
