/** A storage node as a child process; see processes.ts. */
import { createLogger } from '@holdfast/platform';
import { startStorageNode, type StorageNodeOptions } from '@holdfast/storage-node';
import { runAsChild } from './processes.ts';

export interface NodeReady {
  nodeId: string;
  address: string;
}

runAsChild<StorageNodeOptions, NodeReady>(async (options) => {
  const node = await startStorageNode({ ...options, logger: createLogger({ service: 'storage-node', level: 'info' }) });
  return { ready: { nodeId: node.nodeId, address: node.address }, stop: () => node.stop() };
});
