/** What a node has earned, and when what is kept back of it becomes free. */
import { type Msat, msat, periodAt } from '@holdfast/protocol';
import type { LedgerStore, MoneyRules } from '../ledger/index.ts';
import type { OverviewStore } from './ports.ts';

export interface Earnings {
  readonly earnedMsat: Msat;
  readonly withheldMsat: Msat;
  /** In order; together never more than what is kept back. */
  readonly releases: readonly { readonly byMs: number; readonly amountMsat: Msat }[];
}

const STEPS = 30;

export async function readEarnings(
  { ledger, overview, rules }: { ledger: LedgerStore; overview: OverviewStore; rules: MoneyRules },
  nodeId: string,
  nowMs: number,
): Promise<Earnings> {
  const { earnedMsat, withheldMsat } = await ledger.nodeBalance(nodeId);
  const periods = Math.ceil(rules.withheldPeriods / STEPS);
  const fromPeriod = periodAt(nowMs, rules.periodMs) - rules.withheldPeriods;
  const kept = await overview.listWithheld(nodeId, { fromPeriod, periods });
  return { earnedMsat, withheldMsat, releases: planReleases(kept, withheldMsat, rules, nowMs) };
}

/**
 * What is kept back beyond the settlements that it has to cover is free already. Where repairs took some of it, the rest
 * covers the newest settlements, which are released last.
 */
export function planReleases(
  kept: readonly { readonly untilPeriod: number; readonly amountMsat: Msat }[],
  withheldMsat: Msat,
  { periodMs, withheldPeriods }: Pick<MoneyRules, 'periodMs' | 'withheldPeriods'>,
  nowMs: number,
): Earnings['releases'] {
  let rest: bigint = withheldMsat;
  const newestFirst = kept.toReversed().map(({ untilPeriod, amountMsat }) => {
    const amount: bigint = amountMsat < rest ? amountMsat : rest;
    rest -= amount;
    // A period's share is free once it is not among the last `withheldPeriods` any more.
    return { byMs: (untilPeriod + withheldPeriods + 1) * periodMs, amountMsat: msat(amount) };
  });
  const planned = newestFirst.toReversed().filter(({ amountMsat }) => amountMsat > 0n);
  return rest > 0n ? [{ byMs: nowMs, amountMsat: msat(rest) }, ...planned] : planned;
}
