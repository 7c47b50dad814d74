/** What happens by the clock. */
export * from './ports.ts';
export { runHousekeeping, type HousekeepingOptions } from './run-housekeeping.ts';
export { type MoneyWorkOptions, runMoney } from './run-money.ts';
export * from './works.ts';
