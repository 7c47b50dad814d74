/** What time brings to money: terms end and are renewed, what was kept back is released. Any number of processes may run it. */
import type { Clock, Logger } from '@holdfast/platform';
import type { AgreementStore } from '../agreements/index.ts';
import type { SettlementStore } from '../ledger/index.ts';

export interface MoneyWorkOptions {
  readonly agreements: AgreementStore;
  readonly settlements: SettlementStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function runMoney({ agreements, settlements, clock, logger }: MoneyWorkOptions): Promise<void> {
  const { renewed, unfunded } = await agreements.renewDue(clock.nowMs());
  const givenUp = await agreements.endTerms(clock.nowMs());
  const releasedMsat = await settlements.releaseWithheld(clock.nowMs());
  if (renewed + unfunded.length + givenUp.length > 0 || releasedMsat > 0n) {
    logger.info(
      { renewed, unfunded: unfunded.length, givenUp: givenUp.length, releasedMsat: String(releasedMsat) },
      'terms of agreements',
    );
  }
}
