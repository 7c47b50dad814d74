/** The chain, as a port. */
export type * from './ports.ts';
