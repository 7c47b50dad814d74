/** What can be read off a node's record. Pure. */
import type { NodeRecord } from './ports.ts';

/** Bytes that may still be promised to uploads: by what is committed and reserved here, and by what the node itself said. */
export function freeBytes(
  node: Pick<NodeRecord, 'capacityBytes' | 'storedBytes' | 'reservedBytes' | 'reportedFreeBytes'>,
): number {
  const byAccount = node.capacityBytes - node.storedBytes - node.reservedBytes;
  const byReport = node.reportedFreeBytes === null ? byAccount : node.reportedFreeBytes - node.reservedBytes;
  return Math.max(0, Math.min(byAccount, byReport));
}

/** Whether a heartbeat came lately. */
export const isOnline = (node: Pick<NodeRecord, 'lastSeenAtMs'>, nowMs: number, offlineAfterMs: number): boolean =>
  nowMs - node.lastSeenAtMs <= offlineAfterMs;
