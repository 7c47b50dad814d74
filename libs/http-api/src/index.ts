/** Types generated from openapi/ and the clients that use them. */
export * from './client.ts';
export * from './documents.ts';
export { entriesSince } from './entries-since.ts';
export type { components as MediatorSchemas, operations as MediatorOperations } from './mediator.gen.ts';
export type { components as StorageNodeSchemas, operations as StorageNodeOperations } from './storage-node.gen.ts';
export * from './show.ts';
