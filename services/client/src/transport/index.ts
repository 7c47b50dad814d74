/** The wires: the mediator's typed client and signed requests to nodes. */
export * from './dispatchers.ts';
export * from './mediator-session.ts';
export * from './node-transport.ts';
export * from './retry.ts';
export * from './vault-mediator.ts';
