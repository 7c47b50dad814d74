/**
 * What time brings to money: terms end and are renewed, what nobody pays for is given up, what was kept back is released,
 * and clients whose money runs low are told. Any number of processes may run it.
 */
import type { Clock, Logger } from '@holdfast/platform';
import type { AgreementStore } from '../agreements/index.ts';
import type { SettlementStore } from '../ledger/index.ts';
import type { EventLog } from './ports.ts';

export interface MoneyWorkOptions {
  readonly agreements: AgreementStore;
  readonly settlements: SettlementStore;
  readonly events: EventLog;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Deletes what is stored and no agreement pays for any more. Resolves to the number of shards. */
  readonly giveUpUnpaid: (nowMs: number) => Promise<number>;
}

export async function runMoney(options: MoneyWorkOptions): Promise<void> {
  const { agreements, settlements, events, clock, logger } = options;
  const { renewed, unfunded } = await agreements.renewDue(clock.nowMs());
  await events.tell(
    unfunded.map(({ clientId, vaultId, agreementId, reason }) => ({
      kind: 'agreement.unfunded',
      clientId,
      data: { vaultId, agreementId, reason },
    })),
    clock.nowMs(),
  );
  const ended = await agreements.endTerms(clock.nowMs());
  await events.tell(
    ended.map(({ clientId, vaultId, nodeId, agreementId, storedBytes }) => ({
      kind: 'agreement.given-up',
      clientId,
      nodeId,
      onceKey: `given up ${agreementId}`,
      data: { vaultId, agreementId, storedBytes },
    })),
    clock.nowMs(),
  );
  const givenUpShards = await options.giveUpUnpaid(clock.nowMs());
  const releasedMsat = await settlements.releaseWithheld(clock.nowMs());
  await warnClients(options);
  if (renewed + unfunded.length + ended.length + givenUpShards > 0 || releasedMsat > 0n) {
    const counts = { renewed, unfunded: unfunded.length, ended: ended.length, givenUpShards };
    logger.info({ ...counts, releasedMsat: String(releasedMsat) }, 'terms of agreements');
  }
}

const CLIENTS_AT_ONCE = 500;

async function warnClients({ agreements, events, clock }: MoneyWorkOptions): Promise<void> {
  for (let after: string | undefined; ;) {
    const page = { limit: CLIENTS_AT_ONCE, ...(after !== undefined && { after }) };
    const low = await agreements.listLowRunways(clock.nowMs(), page);
    await events.tell(
      low.map(({ clientId, warningKey, warningDays, daysLeft, missingMsat }) => ({
        kind: 'escrow.low',
        clientId,
        ...(warningKey !== undefined && { onceKey: warningKey }),
        data: { warningDays, daysLeft, missingMsat: String(missingMsat) },
      })),
      clock.nowMs(),
    );
    if (low.length < CLIENTS_AT_ONCE) return;
    after = low.at(-1)!.clientId;
  }
}
