/**
 * What time brings to money: terms end and are renewed, what nobody pays for is given up, what was kept back is released,
 * and clients whose money runs low are warned. Any number of processes may run it.
 */
import type { Clock, Logger } from '@holdfast/platform';
import type { AgreementStore, ClientRunway } from '../agreements/index.ts';
import type { SettlementStore } from '../ledger/index.ts';

export interface MoneyWorkOptions {
  readonly agreements: AgreementStore;
  readonly settlements: SettlementStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Deletes what is stored and no agreement pays for any more. Resolves to the number of shards. */
  readonly giveUpUnpaid: (nowMs: number) => Promise<number>;
  /** Tells the client, once for each warning. Resolves to whether it is new. */
  readonly warn: (runway: ClientRunway, nowMs: number) => Promise<boolean>;
}

export async function runMoney(options: MoneyWorkOptions): Promise<void> {
  const { agreements, settlements, clock, logger } = options;
  const { renewed, unfunded } = await agreements.renewDue(clock.nowMs());
  const ended = await agreements.endTerms(clock.nowMs());
  const givenUpShards = await options.giveUpUnpaid(clock.nowMs());
  const releasedMsat = await settlements.releaseWithheld(clock.nowMs());
  const warned = await warnClients(options);
  if (renewed + unfunded.length + ended.length + givenUpShards + warned > 0 || releasedMsat > 0n) {
    logger.info(
      {
        renewed,
        unfunded: unfunded.length,
        ended: ended.length,
        givenUpShards,
        warned,
        releasedMsat: `${releasedMsat}`,
      },
      'terms of agreements',
    );
  }
}

const CLIENTS_AT_ONCE = 500;

async function warnClients({ agreements, warn, clock }: MoneyWorkOptions): Promise<number> {
  let warned = 0;
  for (let after: string | undefined; ;) {
    const page = { limit: CLIENTS_AT_ONCE, ...(after !== undefined && { after }) };
    const low = await agreements.listLowRunways(clock.nowMs(), page);
    for (const runway of low) warned += (await warn(runway, clock.nowMs())) ? 1 : 0;
    if (low.length < CLIENTS_AT_ONCE) return warned;
    after = low.at(-1)!.clientId;
  }
}
