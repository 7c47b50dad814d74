/** One visit to the mediator after another, for as long as the node runs: it never gives up, and never dies. */
import { type Clock, type Logger, randomIntBelow, type Randomness } from '@holdfast/platform';
import { HoldfastError } from '@holdfast/protocol';
import { type NodeOffer, type Registrar, type RegistrationPort, retryDelayMs } from '../registration/index.ts';
import type { ShardRecords, ShardStore } from '../shards/index.ts';
import { carryOutOrders } from './carry-out.ts';
import type { OrdersPort } from './ports.ts';

export interface TouchOptions {
  readonly port: OrdersPort & RegistrationPort;
  readonly registrar: Registrar;
  readonly offer: NodeOffer;
  readonly store: ShardStore;
  readonly records: ShardRecords;
  readonly version: string;
  readonly everyMs: number;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
}

export interface Touch {
  /** Registers where due, tells the node's state, carries out all orders, reports losses. @throws HoldfastError */
  visit(): Promise<void>;
  /** Visits until the signal aborts; resolves then. */
  run(signal: AbortSignal): Promise<void>;
  /** Visits soon: there is something to tell. */
  hurry(): void;
  /** Time of the last visit that went well; undefined before the first. */
  readonly lastVisitAtMs: number | undefined;
  /** Whether the mediator has reached this node. */
  readonly isReachable: boolean;
}

/** Answers that mean: it does not know this node, or not this certificate. */
const UNKNOWN_NODE = ['node.unknown', 'auth.certificate-required'];
/** Each answer holds at most 1000 orders; a visit ends anyway after so many answers. */
const MAX_ROUNDS = 1000;
const LOSSES_AT_ONCE = 1000;
const HURRY_MS = 200;

export function createTouch(options: TouchOptions): Touch {
  const { port, registrar, offer, store, records, clock, logger } = options;
  let lastVisitAtMs: number | undefined;
  const reach = { isReachable: false, attempts: 0, nextAtMs: 0 };
  let last: Promise<void> = Promise.resolve();
  let wake = new AbortController();

  const beat = async (): Promise<void> => {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const { usedBytes, freeBytes } = await store.figures();
      const carriedOutOrder = records.cursor();
      const orders = await port.heartbeat({ version: options.version, usedBytes, freeBytes, carriedOutOrder });
      if ((await carryOutOrders({ store, records, logger }, orders)) === 0) return;
    }
  };

  const reportLosses = async (): Promise<void> => {
    for (;;) {
      const names = records.unreportedLosses(LOSSES_AT_ONCE).map((loss) => loss.name);
      if (names.length === 0) return;
      await port.reportLosses(names);
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
      }
      await askReachability();
      await beat();
      await reportLosses();
      lastVisitAtMs = clock.nowMs();
    } catch (error) {
      if (error instanceof HoldfastError && UNKNOWN_NODE.includes(error.code)) registrar.forget();
      throw error;
    }
  };

  /** One at a time. */
  const visit = (): Promise<void> => {
    const mine = last.then(visitOnce);
    last = mine.catch(() => undefined);
    return mine;
  };

  const rest = async (delayMs: number, signal: AbortSignal): Promise<void> => {
    // A tenth more or less, so that the nodes of one mediator do not come all at once after it was away.
    const jitter = 0.9 + randomIntBelow(options.randomness, 2001) / 10_000;
    await clock.sleep(Math.round(delayMs * jitter), AbortSignal.any([signal, wake.signal])).catch(() => undefined);
    if (wake.signal.aborted && !signal.aborted) {
      wake = new AbortController();
      await clock.sleep(HURRY_MS, signal).catch(() => undefined);
    }
  };

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
        const delayMs = failures > 0 ? retryDelayMs(failures - 1) : Math.min(options.everyMs, reachRestMs);
        await rest(delayMs, signal);
      }
    },
    hurry: () => wake.abort(),
    get lastVisitAtMs() {
      return lastVisitAtMs;
    },
    get isReachable() {
      return reach.isReachable;
    },
  };
}
