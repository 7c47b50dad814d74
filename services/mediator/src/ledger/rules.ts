/** The numbers of the market's money that everybody is told. Shares are in millionths; times in periods. */
export interface MoneyRules {
  /** How long a period lasts. A ledger keeps the length that it was begun with. */
  readonly periodMs: number;
  /** For so long an agreement is made and its whole price held. */
  readonly termPeriods: number;
  /** The mediator's share of each accrual: within the price, so a node receives its price less this share. */
  readonly commissionPpm: number;
  /** The part of a node's pay that is kept back, as cover for what repairing its shards would cost. */
  readonly withheldPpm: number;
  /** The same while the node is vetted. */
  readonly vettingWithheldPpm: number;
  /** After so long what was kept back is released. */
  readonly withheldPeriods: number;
  /** So long before a term ends it is renewed. Where the money is missing, the data is kept, paid, for just this long. */
  readonly gracePeriods: number;
  /** The longest that bytes which are never committed lie at a node: paid for from the upload's reserve. */
  readonly uncommittedPeriods: number;
  /** So long after an upload was discarded its nodes may say what lay there uncommitted; who is silent is not paid for it. */
  readonly answerPeriods: number;
}

const DAY_MS = 86_400_000;
const inPeriods = (days: number, periodMs: number): number => Math.max(1, Math.ceil((days * DAY_MS) / periodMs));

/** The defaults, for periods of any length. */
export const moneyRules = (periodMs = 3_600_000, changes: Partial<MoneyRules> = {}): MoneyRules => ({
  periodMs,
  termPeriods: inPeriods(30, periodMs),
  commissionPpm: 50_000,
  withheldPpm: 250_000,
  vettingWithheldPpm: 750_000,
  withheldPeriods: inPeriods(30, periodMs),
  gracePeriods: inPeriods(7, periodMs),
  uncommittedPeriods: inPeriods(1.5, periodMs),
  answerPeriods: inPeriods(7, periodMs),
  ...changes,
});
