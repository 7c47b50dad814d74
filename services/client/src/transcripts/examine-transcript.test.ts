import { beforeAll, describe, expect, test } from '@jest/globals';
import { shardTree } from '@holdfast/codec';
import {
  buildProof,
  challengeNonce,
  createSigningKey,
  deriveSamples,
  issueChallenge,
  judgeAnswer,
  openChallenge,
  packCommit,
  periodCommitment,
  periodSecretHash,
  signMessage,
  toBase64Url,
  toHex,
  verdict,
  verifyProof,
  ZERO_32,
} from '@holdfast/protocol';
import { examineTranscript, readTranscript, type TranscriptFile } from './index.ts';

const key = (fill: number) => createSigningKey(new Uint8Array(32).fill(fill));
const [mediator, node, client] = [key(1), key(2), key(3)];
const context = { network: 'regtest' as const, mediatorId: toHex(mediator.publicKey) };
const nodeId = toHex(node.publicKey);
const clientId = toHex(client.publicKey);
const packId = 'ab'.repeat(32);
const lengthBytes = 65_536;
const bytes = Uint8Array.from({ length: lengthBytes }, (_, at) => (at * 7) % 251);
const tree = shardTree(bytes);
const secret = new Uint8Array(32).fill(9);
const [periodStartMs, periodMs] = [1_800_000_000_000, 3_600_000];

/**
 * @param has whether the node still has the shard; undefined: it does not answer.
 * @param isPickedOn whether it is asked for another leaf than was drawn.
 */
async function transcriptOf(has: boolean | undefined, isPickedOn = false): Promise<TranscriptFile> {
  const secretHash = periodSecretHash(secret);
  const terms = {
    challengeId: 'c1'.repeat(16),
    nodeId,
    periodStartMs,
    periodMs,
    issuedAtMs: periodStartMs + 1,
    deadlineAtMs: periodStartMs + 300_000,
    secretHash,
    nonce: challengeNonce({ secret, nodeId, periodStartMs }),
    lineEpoch: 0,
    lineLeaves: 64,
  };
  const period = { secret, nodeId, periodStartMs };
  const request = { period, nonce: terms.nonce, lineLeaves: terms.lineLeaves, count: 1, agreements: [] };
  const span = { clientId, packId, shardIndex: 0, lengthBytes, startLeaf: 0, agreementId: 'one' };
  const lines = { onNode: async (places: readonly number[]) => places.map(() => span), inAgreements: async () => [] };
  const drawn = await deriveSamples(request, lines);
  const samples = drawn.map((sample) => (isPickedOn ? { ...sample, leafIndex: sample.leafIndex ^ 1 } : sample));
  const token = issueChallenge(context, terms, samples, mediator);
  const challenge = openChallenge(context, token);
  const reader = {
    hashesOf: async () => (has ? tree : undefined),
    readGroup: async () => (has ? bytes : undefined),
  };
  const frame = has === undefined ? undefined : (await buildProof(context, challenge, reader, node)).frame;
  const answer = frame && verifyProof(context, challenge, frame, () => ({ root: tree.root, lengthBytes }));
  const judged = judgeAnswer(challenge, answer, []);
  const body = { nodeId, challengeHash: challenge.hash, judgedAtMs: periodStartMs + 5, ...judged };
  const shards = [
    { nodeId, root: toHex(tree.root) },
    { nodeId: 'ef'.repeat(32), root: ZERO_32 },
  ];
  const policy = { dataShards: 1, parityShards: 1 };
  const commit = {
    clientId,
    vaultId: '00'.repeat(16),
    packId,
    ...policy,
    shardLengthBytes: lengthBytes,
    maskKeyHash: ZERO_32,
    shards,
  };
  return {
    ...context,
    challenge: token,
    verdict: signMessage(verdict, context, body, mediator),
    ...(frame !== undefined && { frame: toBase64Url(frame) }),
    lossReports: [],
    commits: [signMessage(packCommit, context, commit, client)],
    commitment: signMessage(periodCommitment, context, { periodStartMs, periodMs, secretHash }, mediator),
    secret: toHex(secret),
  };
}

let passed: TranscriptFile;
beforeAll(async () => {
  passed = await transcriptOf(true);
});
const failure = (code: string) => expect.objectContaining({ code }) as unknown as Error;

describe('a transcript', () => {
  test.each([
    ['passed', true],
    ['failed', false],
    ['missed', undefined],
  ] as const)('of a challenge that was %s proves it', async (outcome, has) => {
    const report = examineTranscript(readTranscript(JSON.stringify({ transcript: await transcriptOf(has) })));
    expect(report).toMatchObject({
      outcome,
      nodeId,
      mediatorId: context.mediatorId,
      leaves: 1,
      shards: 1,
      isComplete: true,
    });
    expect(report.faults).toHaveLength(outcome === 'failed' ? 1 : 0);
  });

  test.each<[string, (file: TranscriptFile) => Partial<TranscriptFile>]>([
    ['without the frame', () => ({ frame: undefined as never })],
    ['without the secret', () => ({ secret: undefined as never })],
    ['without the commits', () => ({ commits: [] })],
  ])('%s says what stays open', (_, change) => {
    const report = examineTranscript({ ...passed, ...change(passed) });
    expect(report.isComplete).toBe(false);
    expect(report.findings.filter(({ kind }) => kind === 'unknown')).toHaveLength(1);
  });

  test('that does not fit together is refused', async () => {
    const missed = await transcriptOf(undefined);
    expect(() => examineTranscript({ ...passed, verdict: missed.verdict })).toThrow(failure('verdict.unjust'));
    expect(() => examineTranscript({ ...passed, secret: '01'.repeat(32) })).toThrow(failure('challenge.unfair'));
    expect(() => examineTranscript({ ...passed, mediatorId: nodeId })).toThrow(failure('message.wrong-context'));
    const other = { periodStartMs, periodMs, secretHash: '01'.repeat(32) };
    const commitment = signMessage(periodCommitment, context, other, mediator);
    expect(() => examineTranscript({ ...passed, commitment })).toThrow(failure('challenge.unfair'));
    const forged = signMessage(periodCommitment, context, other, client);
    expect(() => examineTranscript({ ...passed, commitment: forged })).toThrow(failure('message.bad-signature'));
  });

  test('of a node that was picked on says so: the leaf is not the one that the secret draws', async () => {
    expect(examineTranscript(passed).findings.map(({ sentence }) => sentence)).toContainEqual(
      expect.stringMatching(/^The draws follow from the secret: the one leaf /),
    );
    const pickedOn = await transcriptOf(true, true);
    expect(() => examineTranscript(pickedOn)).toThrow(failure('challenge.unfair'));
    // While the secret is hidden nobody can say.
    const { secret: _, ...hidden } = pickedOn;
    expect(examineTranscript(hidden)).toMatchObject({ isComplete: false });
  });

  test.each(['', '{}', 'null', '{"transcript":{}}', '{"transcript":null}'])('is not %j', (text) => {
    expect(() => readTranscript(text)).toThrow(failure('client.usage'));
  });
});
