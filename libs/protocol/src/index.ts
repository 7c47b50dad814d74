/** What all parties must agree on. Pure: no I/O, no clock, no randomness of its own. */
export * from './bytes.ts';
export * from './canonical.ts';
export * from './challenge/index.ts';
export { CATALOGUE, EXIT_CODES } from './error-catalogue.ts';
export * from './errors.ts';
export * from './ids.ts';
export * from './limits.ts';
export * from './link/index.ts';
export * from './mediator-address.ts';
export * from './message.ts';
export * from './messages/contracts.ts';
export * from './messages/challenges.ts';
export * from './messages/identities.ts';
export * from './messages/storage.ts';
export * from './policy.ts';
export * from './price.ts';
export * from './signing.ts';
export * from './units.ts';
