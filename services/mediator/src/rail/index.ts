/** The chain, as a port. */
export type * from './ports.ts';
export { readRailState } from './read-state.ts';
