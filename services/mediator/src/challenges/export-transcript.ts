/** Everything that anybody needs to judge a challenge again, offline. */
import { fail, openChallenge, type Transcript } from '@holdfast/protocol';
import type { ChallengesOptions } from './options.ts';
import type { ChallengeRecord } from './ports.ts';

export interface ExportedTranscript {
  readonly record: ChallengeRecord;
  /** Absent while there is no verdict. */
  readonly transcript?: Transcript;
  /** Tokens of `pack-commit`s: the roots (recordsOfCommits). Those of packs dropped since are missing. */
  readonly commits: readonly string[];
  /** Token of the `period-commitment`, and the secret once it is in the open. */
  readonly commitment: string;
  readonly secret?: string;
}

/** @throws HoldfastError `challenge.unknown` */
export async function exportTranscript(
  { store, frames, signer }: Pick<ChallengesOptions, 'store' | 'frames' | 'signer'>,
  challengeId: string,
): Promise<ExportedTranscript> {
  const evidence = await store.findEvidence(challengeId);
  if (evidence === undefined) throw fail('challenge.unknown', { challengeId });
  const { challenge, verdict, lossReports, commitment, secret, ...record } = evidence;
  const asked = challenge === undefined ? [] : openChallenge(signer.context, challenge).samples;
  const packs = new Map(asked.map(({ clientId, packId }) => [`${clientId}/${packId}`, { clientId, packId }]));
  const commits = await store.findCommits([...packs.values()]);
  const common = { record, commits, commitment, ...(secret !== undefined && { secret }) };
  if (challenge === undefined || verdict === undefined) return common;
  const frame = evidence.hasFrame ? await frames.get({ challengeId, period: record.period }) : undefined;
  return { ...common, transcript: { challenge, verdict, lossReports, ...(frame && { frame }) } };
}
