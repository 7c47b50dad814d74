/** Judges what was answered, and what was not by its deadline. The decision is pure; the store makes it true at once. */
import {
  type FaultyShard,
  judgeAnswer,
  type Judgement,
  openChallenge,
  type OpenChallenge,
  shardKeyOf,
  signMessage,
  verdict,
} from '@holdfast/protocol';
import type { Verdict as Settling } from '../ledger/index.ts';
import { decideStanding, explainStanding, isPeriodPaid, type PeriodRecord, recordPeriod } from '../reputation/index.ts';
import type { ChallengesOptions } from './options.ts';
import type { AnswerFacts, Closing, VoidReason } from './ports.ts';

/** Resolves to how many were judged. */
export async function judgeDue(options: ChallengesOptions): Promise<number> {
  const { store, clock } = options;
  let count = 0;
  while (await store.judgeNext(clock.nowMs(), (facts) => judge(options, facts, clock.nowMs()))) count += 1;
  return count;
}

type JudgeOptions = Pick<ChallengesOptions, 'signer' | 'rules'>;

/** Pure but for the signature. */
function judge(options: JudgeOptions, facts: AnswerFacts, nowMs: number): Closing {
  const { signer, rules } = options;
  const challenge = openChallenge(signer.context, facts.challenge);
  const answer = facts.answer && { proofHash: facts.answer.proofHash, faults: facts.answer.faults };
  const judged = judgeAnswer(challenge, answer, facts.reportedLate);
  const lost = judged.faults.filter((shard) => !facts.dropped.has(shardKeyOf(shard)));
  const leaves = { samples: challenge.samples, were: facts.answer === undefined ? 'unanswered' : 'answered' } as const;
  const voidReason = reasonToVoid(facts, judged, lost);
  if (voidReason !== undefined) return closeVoid(facts, leaves, voidReason, rules.passedFrameMs);

  const { outcome } = judged;
  const period = periodOf(facts, outcome, lost);
  return {
    ...reputationAfter(facts, period),
    outcome,
    verdict: signVerdict(options, challenge, judged, nowMs),
    lost,
    leaves,
    settleAs: settlingOf(period),
    keepFrameMs: outcome === 'passed' ? rules.passedFrameMs : rules.otherFrameMs,
  };
}

/**
 * Nobody is judged by what the mediator did: a challenge that stayed open while the mediator was away, or an answer that
 * only lacks what its client dropped in between.
 */
function reasonToVoid(facts: AnswerFacts, judged: Judgement, lost: readonly FaultyShard[]): VoidReason | undefined {
  if (judged.outcome === 'failed') return lost.length === 0 ? 'dropped' : undefined;
  return judged.outcome === 'missed' && facts.hadOutage ? 'outage' : undefined;
}

type Leaves = NonNullable<Closing['leaves']>;

function closeVoid(facts: AnswerFacts, leaves: Leaves, voidReason: VoidReason, keepFrameMs: number): Closing {
  const common = { voidReason, lost: [], leaves, keepFrameMs };
  // Who showed all that there was to show has passed, though no verdict can say so.
  if (voidReason === 'dropped' && facts.answer !== undefined) {
    const period = periodOf(facts, 'passed', []);
    return { ...common, ...reputationAfter(facts, period), settleAs: settlingOf(period) };
  }
  return { ...common, settleAs: 'void', standing: facts.standing, reasons: [] };
}

const periodOf = (facts: AnswerFacts, outcome: PeriodRecord['outcome'], lost: readonly unknown[]): PeriodRecord => ({
  outcome,
  shardsAsked: facts.shardsAsked,
  shardsLost: lost.length,
  isServing: facts.isServing,
});

/** A node that answers but does not serve counts as away. */
function settlingOf(period: PeriodRecord): Settling {
  if (period.outcome === 'failed') return 'failed';
  return isPeriodPaid(period) ? 'passed' : 'missed';
}

function reputationAfter(
  facts: AnswerFacts,
  period: PeriodRecord,
): Pick<Closing, 'reputation' | 'standing' | 'reasons'> {
  const reputation = recordPeriod(facts.reputation, period);
  const standing = decideStanding(facts.standing, reputation);
  return { reputation, standing, reasons: standing === facts.standing ? [] : explainStanding(standing, reputation) };
}

function signVerdict({ signer }: JudgeOptions, challenge: OpenChallenge, judged: Judgement, nowMs: number): string {
  const body = {
    nodeId: challenge.terms.nodeId,
    challengeHash: challenge.hash,
    outcome: judged.outcome,
    proofHash: judged.proofHash,
    judgedAtMs: nowMs,
    faults: judged.faults,
  };
  return signMessage(verdict, signer.context, body, signer.key);
}
