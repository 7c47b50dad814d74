/** What follows from an answer or from none; the one rule that mediator, node and anybody with the transcript share. */
import type { ValueOf } from '../canonical.ts';
import { fail } from '../errors.ts';
import { ZERO_32 } from '../ids.ts';
import { openMessage, type SigningContext } from '../message.ts';
import { lossReport, type Outcome, verdict } from '../messages/challenges.ts';
import { distinctShards } from './build-proof.ts';
import { type OpenChallenge, openChallenge } from './issue-challenge.ts';
import { type ShardRef, shardKeyOf } from './samples.ts';
import { type FaultyShard, type RecordOf, type VerifiedProof, verifyProof } from './verify-proof.ts';

export interface Judgement {
  readonly outcome: Outcome;
  /** Zeros when there was no answer. */
  readonly proofHash: string;
  readonly faults: FaultyShard[];
}

/**
 * Failed when any shard asked for is lost, by the answer or by a report that came when the challenge was already sent;
 * missed when there is no answer (its leaves are asked again); passed otherwise.
 * @param answer undefined when none came by the deadline.
 * @param reportedLate shards that the node reported lost between the challenge and its judgement.
 */
export function judgeAnswer(
  challenge: OpenChallenge,
  answer: VerifiedProof | undefined,
  reportedLate: readonly ShardRef[],
): Judgement {
  const shown = new Map(answer?.faults.map((faulty) => [shardKeyOf(faulty), faulty]));
  const reported = new Set(reportedLate.map(shardKeyOf));
  // Where nothing is lost, as nearly always, no shard has to be looked for.
  const asked = shown.size + reported.size === 0 ? [] : distinctShards(challenge.samples);
  const faults = asked.flatMap((shard): FaultyShard[] => {
    const key = shardKeyOf(shard);
    const faulty = shown.get(key);
    if (faulty !== undefined) return [faulty];
    return reported.has(key) ? [{ ...shard, fault: 'late-report' }] : [];
  });
  const outcome = faults.length > 0 ? 'failed' : answer === undefined ? 'missed' : 'passed';
  return { outcome, proofHash: answer?.proofHash ?? ZERO_32, faults };
}

/** The evidence of one verdict. */
export interface Transcript {
  /** Tokens. */
  readonly challenge: string;
  readonly verdict: string;
  /** As the node sent it; undefined when it did not answer. */
  readonly frame?: Uint8Array | undefined;
  /** Tokens of the node's loss reports that the verdict counts. */
  readonly lossReports: readonly string[];
}

export type Verdict = ValueOf<typeof verdict.body>;

/**
 * Judges again, offline, from signed evidence and what clients signed about their shards (recordsOfCommits).
 * @throws HoldfastError `verdict.unjust` when the verdict does not follow; what verifyProof throws when the frame is no
 *   answer at all; `message.*` for evidence that nobody signed.
 */
export function verifyTranscript(context: SigningContext, transcript: Transcript, recordOf: RecordOf): Verdict {
  const challenge = openChallenge(context, transcript.challenge);
  const said = openMessage(verdict, context, transcript.verdict);
  if (said.challengeHash !== challenge.hash || said.nodeId !== challenge.terms.nodeId) {
    throw fail('verdict.unjust', { detail: 'it is about another challenge' });
  }
  const answer =
    transcript.frame === undefined ? undefined : verifyProof(context, challenge, transcript.frame, recordOf);
  const reportedLate = transcript.lossReports.flatMap((token) => {
    const report = openMessage(lossReport, context, token);
    if (report.nodeId !== said.nodeId) throw fail('verdict.unjust', { detail: 'another node reported the loss' });
    return report.shards;
  });
  const judged = judgeAnswer(challenge, answer, reportedLate);
  if (judged.outcome !== said.outcome) {
    throw fail('verdict.unjust', { detail: `the evidence says ${judged.outcome}, the verdict ${said.outcome}` });
  }
  if (judged.proofHash !== said.proofHash) throw fail('verdict.unjust', { detail: 'it is about another answer' });
  if (faultsOf(judged) !== faultsOf(said)) throw fail('verdict.unjust', { detail: 'it names other shards' });
  return said;
}

const faultsOf = ({ faults }: { readonly faults: readonly FaultyShard[] }): string =>
  faults.map((faulty) => `${shardKeyOf(faulty)} ${faulty.fault}`).join('\n');
