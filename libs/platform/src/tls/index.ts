/** The certificate authority, and TLS that verifies who a peer is instead of what its host is called. */
export * from './authority.ts';
export * from './connect-options.ts';
export * from './fetch-ca.ts';
export * from './identity.ts';
export { checkCsr, createCsr, createTlsKeyPair, type CheckedCsr, type TlsKeyPair } from './key-pair.ts';
