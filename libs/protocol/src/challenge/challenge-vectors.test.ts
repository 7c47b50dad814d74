/** Golden vectors of challenges: what was issued, shown and judged once must be so for ever. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  buildProof,
  challengeNonce,
  challengeOffsetMs,
  type ChallengeTerms,
  createSigningKey,
  deriveSamples,
  type FaultyShard,
  fromBase64Url,
  fromHex,
  issueChallenge,
  lossReport,
  type MessageType,
  openChallenge,
  openMessage,
  periodCommitment,
  periodSecretHash,
  type Sample,
  type ShardRecord,
  signMessage,
  type SigningContext,
  verdict,
  verifyProof,
} from '../index.ts';
import { proofDigest, splitPayload } from './proof-frame.ts';
import { codeOf, linesOf, makeShard, readerOf, type TestShard } from './test-world.ts';

interface Vectors {
  context: SigningContext;
  seeds: Record<'mediator' | 'node', string>;
  shards: { label: string; clientId: string; packId: string; shardIndex: number; lengthBytes: number; root: string }[];
  period: {
    secret: string;
    secretHash: string;
    nodeId: string;
    periodStartMs: number;
    nonces: string[];
    offsetMs: { spanMs: number; offsetMs: number };
  };
  samples: {
    lineLeaves: number;
    agreements: { agreementId: string; lineLeaves: number }[];
    nonce: string;
    cases: { count: number; samples: Pick<Sample, 'packId' | 'leafIndex' | 'reason'>[] }[];
  };
  messages: { type: string; signer: 'mediator' | 'node'; body: object; token: string }[];
  challenge: { token: string; hash: string; terms: ChallengeTerms; samples: Sample[] };
  invalidChallenges: { reason: string; code: string; token: string }[];
  proof: { frame: string; proofHash: string; digest: string };
  faultyProofs: { reason: string; frame: string; faults: FaultyShard[] }[];
  invalidProofs: { reason: string; code: string; frame: string }[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../../../test/vectors/challenges.json', import.meta.url), 'utf8'),
) as Vectors;
const { context } = vectors;
const key = (name: 'mediator' | 'node'): ReturnType<typeof createSigningKey> =>
  createSigningKey(fromHex(vectors.seeds[name], 32));
const shards: TestShard[] = vectors.shards.map((shard) => ({
  ...makeShard(shard.label, shard.lengthBytes / 65_536, shard.clientId),
  packId: shard.packId,
  shardIndex: shard.shardIndex,
}));
const challenge = openChallenge(context, vectors.challenge.token);
const recordOf = ({ packId }: { packId: string }): ShardRecord => {
  const { root, lengthBytes } = vectors.shards.find((shard) => shard.packId === packId)!;
  return { root: fromHex(root, 32), lengthBytes };
};

describe('what a period’s secret decides', () => {
  const { secret, nodeId, periodStartMs } = vectors.period;
  const period = { secret: fromHex(secret, 32), nodeId, periodStartMs };

  test('its hash, the nonces, the moment', () => {
    expect(periodSecretHash(period.secret)).toBe(vectors.period.secretHash);
    expect([challengeNonce(period), challengeNonce(period, 1)]).toEqual(vectors.period.nonces);
    expect(challengeOffsetMs(period, vectors.period.offsetMs.spanMs)).toBe(vectors.period.offsetMs.offsetMs);
  });
  test.each(vectors.samples.cases.map((one) => [one.count, one.samples] as const))(
    '%i leaves drawn by bytes, and those of the agreements',
    async (count, expected) => {
      const { lineLeaves, agreements, nonce } = vectors.samples;
      const small = { ...shards[0]!, agreementId: 'small' };
      const large = { ...shards[1]!, agreementId: 'large' };
      const lines = linesOf([undefined, small, undefined, large]);
      const aged = {
        onNode: lines.onNode,
        inAgreements: async (places: Parameters<typeof lines.inAgreements>[0]) =>
          (await lines.inAgreements(places)).map((span) => span && { ...span, unshownPeriods: 3 }),
      };
      const samples = await deriveSamples({ period, nonce, lineLeaves, count, agreements }, aged);
      expect(samples.map(({ packId, leafIndex, reason }) => ({ packId, leafIndex, reason }))).toEqual(expected);
    },
  );
});

describe('messages', () => {
  const types: Record<string, unknown> = { periodCommitment, verdict, lossReport };
  test.each(vectors.messages.map((vector) => [vector.type, vector] as const))('%s', (name, vector) => {
    const type = types[name] as MessageType<unknown>;
    expect(signMessage(type, context, vector.body, key(vector.signer))).toBe(vector.token);
    expect(openMessage(type, context, vector.token)).toEqual(vector.body);
  });
});

describe('challenges', () => {
  test('the valid one', () => {
    const { token, hash, terms, samples } = vectors.challenge;
    expect(issueChallenge(context, terms, samples, key('mediator'))).toBe(token);
    expect(challenge).toEqual({ terms, hash, samples });
  });
  test.each(vectors.invalidChallenges.map((vector) => [vector.reason, vector] as const))('%s', (_, vector) => {
    expect(codeOf(() => openChallenge(context, vector.token))).toBe(vector.code);
  });
});

describe('proofs', () => {
  test('the shards are those of the vectors', () => {
    for (const [at, shard] of shards.entries())
      expect(Buffer.from(shard.root).toString('hex')).toBe(vectors.shards[at]!.root);
  });
  test('the valid one', async () => {
    const frame = fromBase64Url(vectors.proof.frame);
    const built = await buildProof(context, challenge, readerOf(shards), key('node'));
    expect(Buffer.from(built.frame).equals(frame)).toBe(true);
    expect(verifyProof(context, challenge, frame, recordOf)).toEqual({
      proofHash: vectors.proof.proofHash,
      faults: [],
    });
    expect(createHash('sha256').update(frame).digest('hex')).toBe(vectors.proof.proofHash);
    const payload = frame.subarray(frame.length - 2 * 1024 - 13 * 32);
    expect(proofDigest(challenge.hash, splitPayload(challenge.samples, [], payload))).toBe(vectors.proof.digest);
  });
  test.each(vectors.faultyProofs.map((vector) => [vector.reason, vector] as const))('%s', (_, vector) => {
    expect(verifyProof(context, challenge, fromBase64Url(vector.frame), recordOf).faults).toEqual(vector.faults);
    expect(vector.faults.length).toBeGreaterThan(0);
  });
  test.each(vectors.invalidProofs.map((vector) => [vector.reason, vector] as const))('refused: %s', (_, vector) => {
    expect(codeOf(() => verifyProof(context, challenge, fromBase64Url(vector.frame), recordOf))).toBe(vector.code);
  });
});
