/** Looking at the market, at nodes and at what happened, for those whom it concerns. */
export * from './event-place.ts';
export { wholeTransfers } from './pages.ts';
export * from './ports.ts';
export { type Earnings, readEarnings } from './read-earnings.ts';
export * from './viewer.ts';
