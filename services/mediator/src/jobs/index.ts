/** What happens by the clock. */
export * from './ports.ts';
export { runHousekeeping, type HousekeepingOptions } from './run-housekeeping.ts';
