import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { signMessage } from '../message.ts';
import { lossReport, verdict } from '../messages/challenges.ts';
import { buildProof } from './build-proof.ts';
import { issueChallenge, openChallenge } from './issue-challenge.ts';
import { judgeAnswer, type Transcript, type Verdict, verifyTranscript } from './judge-answer.ts';
import {
  codeOf,
  context,
  makeShard,
  mediatorKey,
  nodeId,
  nodeKey,
  readerOf,
  recordOf,
  sampleOf,
  terms,
} from './test-world.ts';
import { type VerifiedProof, verifyProof } from './verify-proof.ts';

const shards = ['one', 'two', 'three'].map((label) => makeShard(`judge ${label}`, 1, '1a'.repeat(32)));
const records = recordOf(shards);
const token = issueChallenge(
  context,
  terms,
  shards.flatMap((shard) => [sampleOf(shard, 3), sampleOf(shard, 40)]),
  mediatorKey,
);
const challenge = openChallenge(context, token);
const refs = shards.map(({ clientId, packId, shardIndex }) => ({ clientId, packId, shardIndex }));

let wholeFrame: Uint8Array;
let holedFrame: Uint8Array;
let whole: VerifiedProof;
let holed: VerifiedProof;
beforeAll(async () => {
  wholeFrame = (await buildProof(context, challenge, readerOf(shards), nodeKey)).frame;
  holedFrame = (await buildProof(context, challenge, readerOf(shards.slice(1)), nodeKey)).frame;
  whole = verifyProof(context, challenge, wholeFrame, records);
  holed = verifyProof(context, challenge, holedFrame, records);
});

describe('an answer is judged', () => {
  test('passed when everything was shown', () => {
    expect(judgeAnswer(challenge, whole, [])).toEqual({ outcome: 'passed', proofHash: whole.proofHash, faults: [] });
  });
  test('failed when some shard was not, naming just that shard', () => {
    const { outcome, faults } = judgeAnswer(challenge, holed, []);
    expect(outcome).toBe('failed');
    expect(faults).toEqual([{ ...refs[0], fault: 'absent' }]);
  });
  test('missed without an answer: that names no shard', () => {
    expect(judgeAnswer(challenge, undefined, [])).toEqual({ outcome: 'missed', proofHash: '0'.repeat(64), faults: [] });
  });
  test('failed when a shard that was asked for is reported lost, answered or not', () => {
    for (const answer of [undefined, whole]) {
      const { outcome, faults } = judgeAnswer(challenge, answer, [refs[1]!]);
      expect(outcome).toBe('failed');
      expect(faults).toEqual([{ ...refs[1], fault: 'late-report' }]);
    }
  });
  test('not by reports of shards that nobody asked for', () => {
    const other = { clientId: '1a'.repeat(32), packId: 'ff'.repeat(32), shardIndex: 0 };
    expect(judgeAnswer(challenge, whole, [other]).outcome).toBe('passed');
  });
  test('with each lost shard once, in the challenge’s order', () => {
    const faults = judgeAnswer(challenge, holed, [...refs].reverse()).faults;
    const order = challenge.samples.filter((_, at) => at % 2 === 0).map(({ packId }) => packId);
    expect(faults.map(({ packId }) => packId)).toEqual(order);
    expect(faults.find(({ packId }) => packId === refs[0]!.packId)!.fault).toBe('absent');
  });
});

describe('a transcript', () => {
  const signed = (changed: Partial<Verdict>): string => {
    const just: Verdict = {
      nodeId,
      challengeHash: challenge.hash,
      outcome: 'passed',
      proofHash: whole.proofHash,
      judgedAtMs: terms.issuedAtMs + 5000,
      faults: [],
    };
    return signMessage(verdict, context, { ...just, ...changed }, mediatorKey);
  };
  const transcript = (verdictToken: string, frame?: Uint8Array, lossReports: string[] = []): Transcript => ({
    challenge: token,
    verdict: verdictToken,
    frame,
    lossReports,
  });
  const report = (shardsLost: typeof refs): string =>
    signMessage(lossReport, context, { nodeId, reportedAtMs: terms.issuedAtMs + 100, shards: shardsLost }, nodeKey);
  const refusal = (of: Transcript): string => codeOf(() => verifyTranscript(context, of, records));

  test('shows that a just verdict is just', () => {
    const zeros = '0'.repeat(64);
    expect(verifyTranscript(context, transcript(signed({}), wholeFrame), records).outcome).toBe('passed');
    const failed = {
      outcome: 'failed' as const,
      proofHash: holed.proofHash,
      faults: judgeAnswer(challenge, holed, []).faults,
    };
    expect(verifyTranscript(context, transcript(signed(failed), holedFrame), records).outcome).toBe('failed');
    const missed = signed({ outcome: 'missed', proofHash: zeros });
    expect(verifyTranscript(context, transcript(missed), records).outcome).toBe('missed');
    const late = signed({ outcome: 'failed', proofHash: zeros, faults: [{ ...refs[2]!, fault: 'late-report' }] });
    expect(verifyTranscript(context, transcript(late, undefined, [report([refs[2]!])]), records).outcome).toBe(
      'failed',
    );
  });
  test('shows that an unjust one is not', () => {
    const zeros = '0'.repeat(64);
    const lies = [
      transcript(signed({ outcome: 'failed', faults: [{ ...refs[0]!, fault: 'mismatch' }] }), wholeFrame),
      transcript(signed({ outcome: 'passed' }), holedFrame),
      transcript(signed({ outcome: 'missed', proofHash: zeros }), wholeFrame),
      transcript(signed({ outcome: 'passed', proofHash: zeros })),
      transcript(signed({ proofHash: holed.proofHash }), wholeFrame),
      transcript(signed({ faults: [{ ...refs[0]!, fault: 'absent' }] }), wholeFrame),
      transcript(
        signed({ outcome: 'failed', proofHash: holed.proofHash, faults: [{ ...refs[1]!, fault: 'absent' }] }),
        holedFrame,
      ),
      transcript(signed({ outcome: 'failed', proofHash: zeros, faults: [{ ...refs[2]!, fault: 'late-report' }] })),
      transcript(signed({ challengeHash: 'ab'.repeat(32) }), wholeFrame),
      transcript(signed({ nodeId: 'ab'.repeat(32) }), wholeFrame),
    ];
    for (const lie of lies) expect(refusal(lie)).toBe('verdict.unjust');
  });
  test('counts only evidence that was signed by the right party', () => {
    const body = { nodeId, reportedAtMs: 1, shards: [refs[2]!] };
    const forged = signMessage(lossReport, context, body, mediatorKey);
    const late = signed({
      outcome: 'failed',
      proofHash: '0'.repeat(64),
      faults: [{ ...refs[2]!, fault: 'late-report' }],
    });
    expect(refusal(transcript(late, undefined, [forged]))).toBe('message.bad-signature');
    const foreign = signMessage(lossReport, context, { ...body, nodeId: context.mediatorId }, mediatorKey);
    expect(refusal(transcript(late, undefined, [foreign]))).toBe('verdict.unjust');
    const tampered = wholeFrame.slice();
    tampered[tampered.length - 1]! ^= 1; // a path that the mediator spoils to blame the node
    const blame = signed({ outcome: 'failed', faults: [{ ...refs[2]!, fault: 'mismatch' }] });
    expect(refusal(transcript(blame, tampered))).toBe('proof.invalid');
  });
});

test('a proof of any subset of the shards is failed by just the others', async () => {
  await fc.assert(
    fc.asyncProperty(fc.subarray(shards), async (held) => {
      const { frame } = await buildProof(context, challenge, readerOf(held), nodeKey);
      const { faults } = judgeAnswer(challenge, verifyProof(context, challenge, frame, records), []);
      const lost = shards.filter((shard) => !held.includes(shard)).map(({ packId }) => packId);
      expect(faults.map(({ packId }) => packId).toSorted()).toEqual(lost.toSorted());
    }),
    { numRuns: 12 },
  );
});
