/** One pass over everything that time brings: expired sessions and uploads, orders that are done. Any number of processes may run it. */
import type { Clock, Logger } from '@holdfast/platform';
import type { AccountStore } from '../accounts/index.ts';
import type { UploadStore } from '../custody/index.ts';
import type { OfferBook } from '../market/index.ts';
import type { Housekeeping } from './ports.ts';

export interface HousekeepingOptions {
  readonly accounts: AccountStore;
  readonly uploads: UploadStore;
  readonly housekeeping: Housekeeping;
  readonly book: OfferBook;
  readonly clock: Clock;
  readonly logger: Logger;
  /** After the expiry of its grants: so long an upload still takes commits. */
  readonly commitGraceMs: number;
  /** After the expiry of its grants: then what was never committed is deleted. */
  readonly uncommittedGraceMs: number;
}

/** Anybody may register; what never came to anything is not kept for ever. Who comes back registers again. */
const UNUSED_NODE_MS = 7 * 86_400_000;

export async function runHousekeeping(options: HousekeepingOptions): Promise<void> {
  const nowMs = options.clock.nowMs();
  const sessions = await options.accounts.forgetExpired(nowMs);
  const { ended, discarded, settled } = await options.uploads.sweep({
    nowMs,
    endExpiredBeforeMs: nowMs - options.commitGraceMs,
    discardExpiredBeforeMs: nowMs - options.uncommittedGraceMs,
  });
  const orders = await options.housekeeping.forgetCarriedOutOrders();
  const unusedNodes = await options.housekeeping.forgetUnusedNodes(nowMs - UNUSED_NODE_MS);
  if (ended + unusedNodes > 0) options.book.invalidate();
  if (sessions + ended + discarded + settled + orders + unusedNodes > 0) {
    options.logger.info(
      { sessions, endedUploads: ended, discardedUploads: discarded, settledUploads: settled, orders, unusedNodes },
      'housekeeping',
    );
  }
}
