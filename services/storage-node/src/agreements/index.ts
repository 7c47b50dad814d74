/** Agreements: what the node puts its name to. */
export { objectionTo, objectionToBytes, type Signature, type SignOptions, signRequested } from './sign-agreements.ts';
