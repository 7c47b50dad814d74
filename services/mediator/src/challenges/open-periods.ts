/** Commits to the secrets of periods before they begin, draws every node's moment when one has begun, reveals it afterwards. */
import {
  signMessage,
  periodAt,
  periodCommitment,
  periodSecretHash,
  PERIOD_SECRET_BYTES,
  challengeNonce,
  challengeOffsetMs,
  toHex,
} from '@holdfast/protocol';
import type { ChallengesOptions } from './options.ts';
import type { CommittedPeriod, PeriodRecord } from './ports.ts';
import { challengeSpanMs } from './rules.ts';

/** A challenge's id: what the first half of its nonce says. So planning twice plans the same. */
const ID_DIGITS = 32;

/** Any number of processes may do this at any time. */
export async function openPeriods(options: ChallengesOptions): Promise<void> {
  const { store, rules, clock } = options;
  const current = periodAt(clock.nowMs(), rules.periodMs);
  const known = await store.listPeriods(current, current + rules.committedPeriods + 1);
  const missing: CommittedPeriod[] = [];
  // The store may have taken its time: what has begun meanwhile is too late to commit to.
  const nowMs = clock.nowMs();
  for (let period = periodAt(nowMs, rules.periodMs) + 1; period <= current + rules.committedPeriods; period += 1) {
    if (!known.some((one) => one.period === period)) missing.push(commitTo(options, period, nowMs));
  }
  if (missing.length > 0) await store.commitPeriods(missing);
  const present = known.find(({ period }) => period === current);
  if (present !== undefined && !present.isPlanned) await planPeriod(options, present);
}

function commitTo(
  { rules, signer, randomness, seal }: ChallengesOptions,
  period: number,
  committedAtMs: number,
): CommittedPeriod {
  const startsAtMs = period * rules.periodMs;
  const secret = randomness.bytes(PERIOD_SECRET_BYTES);
  const secretHash = periodSecretHash(secret);
  const body = { periodStartMs: startsAtMs, periodMs: rules.periodMs, secretHash };
  return {
    period,
    startsAtMs,
    periodMs: rules.periodMs,
    secretHash,
    commitment: signMessage(periodCommitment, signer.context, body, signer.key),
    committedAtMs,
    sealedSecret: seal.seal(secret, startsAtMs),
  };
}

async function planPeriod({ store, rules, clock, seal }: ChallengesOptions, one: PeriodRecord): Promise<void> {
  const secret = seal.open(one.sealedSecret, one.startsAtMs);
  const spanMs = challengeSpanMs(rules);
  const planned = (await store.nodesToPlan()).map(({ nodeNo, nodeId }) => {
    const period = { secret, nodeId, periodStartMs: one.startsAtMs };
    return {
      nodeNo,
      challengeId: challengeNonce(period).slice(0, ID_DIGITS),
      dueAtMs: one.startsAtMs + challengeOffsetMs(period, spanMs),
    };
  });
  await store.plan(one.period, planned, clock.nowMs());
}

/** Resolves to the number of secrets that are in the open now. */
export async function revealSecrets({ store, rules, clock, seal }: ChallengesOptions): Promise<number> {
  const over = await store.listToReveal(periodAt(clock.nowMs(), rules.periodMs));
  for (const { period, startsAtMs, sealedSecret } of over) {
    await store.reveal(period, toHex(seal.open(sealedSecret, startsAtMs)));
  }
  return over.length;
}
