/** The node's identity, its mediator, and the certificate that binds them. */
export { type NodeIdentity, openIdentity } from './identity.ts';
export { openPinnedCa, type PinnedMediator } from './pinned-ca.ts';
export type { IssuedCertificate, ReachabilityReport, RegistrationPort } from './ports.ts';
export { type Certificate, createRegistrar, type NodeOffer, type Registrar } from './registrar.ts';
export { retryDelayMs } from './retry.ts';
