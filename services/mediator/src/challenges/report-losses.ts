/** Takes a node's own word that it lost shards. Said before it was asked for them, it costs just those shards. */
import { fail, lossReport, messageHash, openMessage } from '@holdfast/protocol';
import type { ChallengesOptions } from './options.ts';

/** @throws HoldfastError `message.*`, `challenge.not-for-us` */
export async function reportLosses(
  { store, signer, clock }: ChallengesOptions,
  nodeId: string,
  token: string,
): Promise<number> {
  const report = openMessage(lossReport, signer.context, token);
  if (report.nodeId !== nodeId) throw fail('challenge.not-for-us', { nodeId: report.nodeId });
  const { shards } = report;
  return store.reportLosses({ nodeId, token, reportHash: messageHash(token), shards }, clock.nowMs());
}
