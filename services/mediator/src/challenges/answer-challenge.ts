/** Takes a node's proof frame: verified at once, kept outside of the database, judged by whoever is woken for it. */
import { createHash } from 'node:crypto';
import {
  challengeIdOfFrame,
  fail,
  HoldfastError,
  maxProofFrameBytes,
  openChallenge,
  type OpenChallenge,
  type RecordOf,
  shardKeyOf,
  shownLeaf,
  toHex,
  verifyProof,
  type VerifiedProof,
} from '@holdfast/protocol';
import type { AcceptedAnswer } from './link-port.ts';
import type { ChallengesOptions } from './options.ts';
import type { AskedChallenge, RetrievalProbe } from './ports.ts';

/** @throws HoldfastError see ChallengesOfNodes.answer */
export async function answerChallenge(
  options: ChallengesOptions,
  nodeId: string,
  frame: Uint8Array,
): Promise<AcceptedAnswer> {
  const { store, frames, clock, signer, rules, wake } = options;
  // What counts is when it arrived, not how long the mediator takes to verify it.
  const answeredAtMs = clock.nowMs();
  const challengeId = challengeIdOfFrame(frame);
  const asked = await store.findAsked(nodeId, challengeId);
  if (asked === undefined) throw fail('challenge.unknown', { challengeId });
  const proofHash = createHash('sha256').update(frame).digest('hex');
  if (asked.proofHash === proofHash) return { challengeId, proofHash };
  if (asked.state !== 'open') throw closed(challengeId, 'it was answered or judged');
  if (answeredAtMs > asked.deadlineAtMs) throw closed(challengeId, 'its deadline is over');

  const challenge = openChallenge(signer.context, asked.challenge, nodeId);
  if (frame.length > maxProofFrameBytes(challenge)) {
    throw fail('proof.malformed', { detail: `${frame.length} bytes are too many for this challenge` });
  }
  const proof = await verify(options, challenge, asked, frame);
  const period = Math.round(challenge.terms.periodStartMs / rules.periodMs);
  await frames.put({ challengeId, period }, frame);
  const probe = pickProbe(options, challenge, frame, proof);
  const answer = { proofHash, faults: proof.faults, answeredAtMs, ...(probe && { probe }) };
  if (!(await store.storeAnswer(challengeId, answer))) throw closed(challengeId, 'it was answered or judged');
  wake('judge');
  return { challengeId, proofHash };
}

const closed = (challengeId: string, detail: string): HoldfastError =>
  fail('challenge.closed', { challengeId, detail });

async function verify(
  { store, signer, clock, logger }: ChallengesOptions,
  challenge: OpenChallenge,
  asked: AskedChallenge,
  frame: Uint8Array,
): Promise<VerifiedProof> {
  try {
    return verifyProof(signer.context, challenge, frame, recordsOf(challenge, asked.roots));
  } catch (error) {
    if (error instanceof HoldfastError && error.code === 'challenge.unfair') {
      logger.error({ challengeId: asked.challengeId, err: error }, 'a challenge that nobody could answer');
      await store.voidUnfair(asked.challengeId, clock.nowMs());
    }
    throw error;
  }
}

const ROOT_BYTES = 32;

/** The roots as they were when the challenge was issued: also of shards whose pack was dropped since. */
function recordsOf({ samples }: OpenChallenge, roots: Uint8Array = new Uint8Array()): RecordOf {
  const records = new Map<string, { root: Uint8Array; lengthBytes: number }>();
  for (const sample of samples) {
    const key = shardKeyOf(sample);
    if (records.has(key)) continue;
    const at = records.size * ROOT_BYTES;
    records.set(key, { root: roots.subarray(at, at + ROOT_BYTES), lengthBytes: sample.lengthBytes });
  }
  return (shard) => records.get(shardKeyOf(shard));
}

/** One of the leaves shown, at random: what the node's data address has to serve as well. */
function pickProbe(
  { signer, randomness }: ChallengesOptions,
  challenge: OpenChallenge,
  frame: Uint8Array,
  { faults }: VerifiedProof,
): RetrievalProbe | undefined {
  const faulty = new Set(faults.map(shardKeyOf));
  const good = challenge.samples.flatMap((sample, place) =>
    faulty.has(shardKeyOf(sample)) ? [] : [{ sample, place }],
  );
  const [a = 0, b = 0, c = 0] = randomness.bytes(3);
  const picked = good[((a << 16) | (b << 8) | c) % Math.max(1, good.length)];
  if (picked === undefined) return undefined;
  const leaf = shownLeaf(signer.context, challenge, frame, picked.place);
  if (leaf === undefined) return undefined;
  const { clientId, packId, shardIndex, lengthBytes, leafIndex } = picked.sample;
  const leafHash = toHex(createHash('sha256').update(leaf).digest());
  return { clientId, packId, shardIndex, lengthBytes, leafIndex, leafHash };
}
