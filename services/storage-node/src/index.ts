/** A storage node: keeps shards under grants of a mediator. */
export { startStorageNode, type StorageNode, type StorageNodeOptions } from './compose.ts';
