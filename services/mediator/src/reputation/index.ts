/** Reputation of storage nodes: pure. Scores from periods, standing from scores, and the withheld share of earnings. */
export { decideStanding, explainStanding } from './decide-standing.ts';
export {
  isPeriodPaid,
  isPeriodPresent,
  newReputation,
  type PeriodRecord,
  recordPeriod,
  type Reputation,
  scoreOf,
} from './reputation.ts';
export { REPUTATION_RULES } from './rules.ts';
export { settleWithheld, splitAccrual, WITHHELD_SHARES, type WithheldShares, WITHHOLD_MS } from './withhold.ts';
