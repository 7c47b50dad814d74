/** Where money stands and how it moves. */
export * from './accounts.ts';
export { creditClient } from './credit.ts';
export * from './ports.ts';
export * from './rules.ts';
export * from './runway.ts';
