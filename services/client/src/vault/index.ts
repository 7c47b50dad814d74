/** The vault as it lies at mediator and nodes: head, index, snapshots, single chunks. */
export { type Agreement, endAgreement, findAgreement, foretellEnd, listAgreements } from './agreements.ts';
export * from './close-account.ts';
export * from './head.ts';
export * from './mandate.ts';
export * from './pack-access.ts';
export * from './snapshots.ts';
export * from './sync-catalog.ts';
export * from './withdraw.ts';
