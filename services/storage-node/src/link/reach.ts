/** Whether the mediator gets through to this node's own addresses: asked until it does. */
import type { Clock, Logger } from '@holdfast/platform';
import { type RegistrationPort, retryDelayMs } from '../registration/index.ts';

export interface Reach {
  readonly isReachable: boolean;
  /** How long until it should be asked again; infinite when there is no need. */
  restMs(): number;
  /** Asks where due. @throws HoldfastError */
  ask(): Promise<void>;
  /** The addresses may be others now. */
  reset(): void;
}

export function createReach(port: Pick<RegistrationPort, 'checkReachability'>, clock: Clock, logger: Logger): Reach {
  let isReachable = false;
  let attempts = 0;
  let nextAtMs = 0;
  return {
    get isReachable() {
      return isReachable;
    },
    restMs: () => (isReachable ? Number.POSITIVE_INFINITY : Math.max(0, nextAtMs - clock.nowMs())),
    async ask() {
      if (isReachable || clock.nowMs() < nextAtMs) return;
      const { reachable, addresses } = await port.checkReachability();
      isReachable = reachable;
      nextAtMs = clock.nowMs() + retryDelayMs(attempts++);
      if (reachable) logger.info({ addresses }, 'the mediator reached this node; it is on offer');
      else logger.warn({ addresses }, 'the mediator cannot reach this node; asking again later');
    },
    reset() {
      isReachable = false;
      attempts = 0;
      nextAtMs = 0;
    },
  };
}
