/** Issues the challenges whose moment has come. A node whose period is over before it could be asked is not judged by it. */
import {
  agreementsDue,
  challengeNonce,
  deriveSamples,
  issueChallenge,
  shardKeyOf,
  withCarried,
} from '@holdfast/protocol';
import { decideStanding, explainStanding, recordPeriod } from '../reputation/index.ts';
import type { ChallengesOptions } from './options.ts';
import type { Closing, DueChallenge, Issue, PeriodRecord } from './ports.ts';

const DAY_MS = 86_400_000;

/** Resolves to how many were issued or closed. */
export async function issueDue(options: ChallengesOptions): Promise<number> {
  const { store, clock, offlineAfterMs } = options;
  const secrets = new Map<number, PeriodRecord>();
  let count = 0;
  const issue = async (due: DueChallenge): Promise<Issue> => {
    const period = secrets.get(due.period) ?? (await store.listPeriods(due.period, due.period + 1))[0]!;
    secrets.set(due.period, period);
    return issueOne(options, due, period);
  };
  while (await store.issueNext({ nowMs: clock.nowMs(), offlineAfterMs }, issue)) count += 1;
  return count;
}

async function issueOne(options: ChallengesOptions, due: DueChallenge, period: PeriodRecord): Promise<Issue> {
  const { rules, signer, clock, seal } = options;
  const nowMs = clock.nowMs();
  if (nowMs >= period.startsAtMs + period.periodMs) return { kind: 'void', closing: unasked(due) };
  const { nodeId, lineEpoch, lineLeaves, challengeId } = due;
  const node = { secret: seal.open(period.sealedSecret, period.startsAtMs), nodeId, periodStartMs: period.startsAtMs };
  const nonce = challengeNonce(node);
  const periodsPerDay = Math.max(1, Math.floor(DAY_MS / rules.periodMs));
  const all = lineLeaves === 0 ? [] : await due.agreements(periodsPerDay);
  const agreements = all.slice(0, agreementsDue(all.length, periodsPerDay));
  const request = { period: node, nonce, lineLeaves, count: rules.drawnLeaves, agreements };
  const fresh = await deriveSamples(request, due.lines);
  const samples = withCarried(fresh, due.carried);
  if (samples.length === 0) return { kind: 'idle', closing: idle(due) };
  const terms = {
    challengeId,
    nodeId,
    periodStartMs: period.startsAtMs,
    periodMs: period.periodMs,
    issuedAtMs: nowMs,
    deadlineAtMs: nowMs + rules.deadlineMs,
    secretHash: period.secretHash,
    nonce,
    lineEpoch,
    lineLeaves,
  };
  return {
    kind: 'issued',
    token: issueChallenge(signer.context, terms, samples, signer.key),
    issuedAtMs: terms.issuedAtMs,
    deadlineAtMs: terms.deadlineAtMs,
    shardsAsked: new Set(fresh.map(shardKeyOf)).size,
    samples,
  };
}

const NOTHING_KEPT = { lost: [], keepFrameMs: 0 } as const;

/** The mediator did not ask in time: not paid, not held against the node, the money goes back. */
const unasked = ({ standing }: DueChallenge): Closing => ({
  ...NOTHING_KEPT,
  voidReason: 'not-asked',
  settleAs: 'void',
  standing,
  reasons: [],
});

function idle({ standing, reputation, isOnline }: DueChallenge): Closing {
  const after = recordPeriod(reputation, { outcome: 'idle', shardsAsked: 0, shardsLost: 0, isServing: isOnline });
  const next = decideStanding(standing, after);
  return {
    ...NOTHING_KEPT,
    settleAs: 'void',
    reputation: after,
    standing: next,
    reasons: next === standing ? [] : explainStanding(next, after),
  };
}
