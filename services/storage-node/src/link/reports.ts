/** What the node tells the mediator of its own accord, again until that has noted it: orders carried out, losses. */
import type { Logger } from '@holdfast/platform';
import { MAX_LINK_LOSSES, MAX_UNCOMMITTED } from '@holdfast/protocol';
import type { ShardName, ShardRecords } from '../shards/index.ts';
import type { Session } from './session.ts';

export interface ReportsOptions {
  readonly records: ShardRecords;
  /** Signs that the node lost these shards. */
  readonly signLosses: (names: readonly ShardName[]) => string;
  readonly logger: Logger;
}

/** How far the orders are carried out, and what discarded uploads left. @throws HoldfastError */
export async function acknowledge({ records }: ReportsOptions, session: Session): Promise<void> {
  let uncommitted;
  do {
    uncommitted = records.discardedUploads(MAX_UNCOMMITTED);
    await session.carriedOut(records.cursor(), uncommitted);
    records.forgetDiscarded(uncommitted.map(({ uploadId }) => uploadId));
  } while (uncommitted.length === MAX_UNCOMMITTED);
}

/** Whatever is left to be told. `session` is asked for only then. @throws HoldfastError */
export async function reportAll(options: ReportsOptions, session: () => Session): Promise<void> {
  const { records, logger } = options;
  if (records.discardedUploads(1).length > 0) await acknowledge(options, session());
  for (;;) {
    const names = records.unreportedLosses(MAX_LINK_LOSSES).map((loss) => loss.name);
    if (names.length === 0) return;
    await session().reportLosses(options.signLosses(names));
    records.markReported(names);
    logger.warn({ count: names.length }, 'losses were reported to the mediator');
  }
}
