/** The chain, as a port. */
export type * from './ports.ts';
export { readRailState, unlessLate } from './read-state.ts';
