/** Agreements: what the node puts its name to. */
export type { PastPrice, PriceRecords } from './prices.ts';
export { type SignOptions, signRequested } from './sign-agreements.ts';
