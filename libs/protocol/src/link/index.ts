/** The link between a node and the mediator: its messages, their limits, how they are written and read. Pure. */
export { decodeFromNode, decodeToNode } from './decode.ts';
export { encodeFromNode, encodeToNode } from './encode.ts';
export * from './limits.ts';
export * from './messages.ts';
