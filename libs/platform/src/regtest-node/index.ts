/** A Bitcoin node of one's own chain, started and stopped with this process: for tests and for trying things out. */
export { type RegtestNode, type RegtestNodeOptions, startRegtestNode } from './start.ts';
