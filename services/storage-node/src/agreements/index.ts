/** Agreements: what the node puts its name to. */
export { type SignOptions, signRequested } from './sign-agreements.ts';
