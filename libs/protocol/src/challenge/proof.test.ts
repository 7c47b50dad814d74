import { beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { concatBytes, fromBase64Url, toHex } from '../bytes.ts';
import { GROUP_BYTES } from '../limits.ts';
import { signMessage } from '../message.ts';
import { proof } from '../messages/challenges.ts';
import { packCommit } from '../messages/storage.ts';
import { createSigningKey } from '../signing.ts';
import { buildProof } from './build-proof.ts';
import { recordsOfCommits } from './commit-records.ts';
import type { OpenChallenge } from './issue-challenge.ts';
import {
  challengeIdOfFrame,
  encodeProofFrame,
  maxProofFrameBytes,
  proofDigest,
  sampleBytesOf,
  splitPayload,
} from './proof-frame.ts';
import type { Sample } from './samples.ts';
import {
  challengeOver,
  codeOf,
  context,
  makeShard,
  mediatorKey,
  nodeId,
  nodeKey,
  readerOf,
  recordOf,
  sampleOf,
  type TestShard,
} from './test-world.ts';
import { verifyProof } from './verify-proof.ts';

const clients = ['1a'.repeat(32), '2b'.repeat(32)];
const shards: TestShard[] = [1, 2, 3, 5].map((groups) => makeShard(`proof ${groups}`, groups, clients[groups % 2]!));
const records = recordOf(shards);
const samples: Sample[] = [
  sampleOf(shards[0]!, 0),
  sampleOf(shards[0]!, 63, 'carried'),
  sampleOf(shards[1]!, 64),
  sampleOf(shards[2]!, 191, 'agreement'),
  sampleOf(shards[3]!, 300),
];
const challenge = challengeOver(samples);
const answer = async (to: OpenChallenge, held: readonly TestShard[] = shards, key = nodeKey): Promise<Uint8Array> =>
  (await buildProof(context, to, readerOf(held), key)).frame;

/** A frame whose node signs whatever stands in it. */
function signedFrame(to: OpenChallenge, absent: number[], payload: Uint8Array, key = nodeKey): Uint8Array {
  const digest = proofDigest(to.hash, splitPayload(to.samples, absent, payload));
  const body = { nodeId: toHex(key.publicKey), challengeHash: to.hash, absent, digest };
  return encodeProofFrame(to.terms.challengeId, fromBase64Url(signMessage(proof, context, body, key)), payload);
}

let frame: Uint8Array;
let payload: Uint8Array;
beforeAll(async () => {
  frame = await answer(challenge);
  payload = frame.subarray(frame.length - samples.reduce((sum, sample) => sum + sampleBytesOf(sample), 0));
});
const refusal = (changed: Uint8Array, of = challenge): string =>
  codeOf(() => verifyProof(context, of, changed, records));

describe('an honest proof', () => {
  test('has no faults', () => {
    expect(verifyProof(context, challenge, frame, records).faults).toEqual([]);
    expect(challengeIdOfFrame(frame)).toBe(challenge.terms.challengeId);
  });
  test('holds for any leaves of any shards, and is never longer than foretold', async () => {
    const anySample = fc
      .constantFrom(...shards)
      .chain((shard) => fc.nat(shard.lengthBytes / 1024 - 1).map((leafIndex) => sampleOf(shard, leafIndex)));
    await fc.assert(
      fc.asyncProperty(fc.array(anySample, { minLength: 1, maxLength: 6 }), async (some) => {
        const asked = challengeOver(some);
        const made = await answer(asked);
        expect(verifyProof(context, asked, made, records).faults).toEqual([]);
        expect(made.length).toBeLessThanOrEqual(maxProofFrameBytes(asked));
      }),
      { numRuns: 25 },
    );
  });
});

describe('a frame that is no answer is refused', () => {
  test('with any bit flipped', () => {
    const beyondHead = fc.nat(frame.length * 8 - 1);
    fc.assert(
      fc.property(fc.oneof(fc.nat(8 * 300), beyondHead), (bit) => {
        const flipped = frame.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        expect(refusal(flipped)).toMatch(/^(proof|message)\./);
      }),
      { numRuns: 400 },
    );
  });
  test('cut off or extended anywhere', () => {
    fc.assert(
      fc.property(fc.nat(frame.length - 1), (length) => {
        expect(refusal(frame.subarray(0, length))).toMatch(
          /^(proof\.malformed|message\.malformed|message\.bad-signature)$/,
        );
      }),
      { numRuns: 200 },
    );
    expect(refusal(concatBytes(frame, new Uint8Array(1)))).toBe('proof.malformed');
    expect(refusal(concatBytes(frame, new Uint8Array(1 << 20)))).toBe('proof.malformed');
  });
  test('of any bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
        expect(refusal(bytes)).toBe('proof.malformed');
      }),
    );
  });
  test('replayed for the same leaves under another nonce, period, deadline or id', async () => {
    for (const changed of [
      { nonce: 'e4'.repeat(32) },
      { periodStartMs: 1_800_003_600_000 },
      { deadlineAtMs: 1_800_000_301_001 },
      { lineEpoch: 2 },
    ]) {
      expect(refusal(frame, challengeOver(samples, changed))).toBe('proof.wrong-challenge');
    }
    const other = challengeOver(samples, { challengeId: 'c2'.repeat(16) });
    expect(refusal(frame, other)).toBe('proof.wrong-challenge');
    // the id in the frame's head is for routing only: changing it does not help
    const readdressed = frame.slice();
    readdressed.set(Buffer.from(other.terms.challengeId, 'hex'), 8);
    expect(refusal(readdressed, other)).toBe('proof.wrong-challenge');
  });
  test('of a foreign node, under its own name or under ours', async () => {
    const foreign = createSigningKey(new Uint8Array(32).fill(9));
    expect(refusal(signedFrame(challenge, [], payload, foreign))).toBe('proof.wrong-challenge');
    const body = { nodeId, challengeHash: challenge.hash, absent: [], digest: '00'.repeat(32) };
    const token = fromBase64Url(signMessage(proof, context, body, foreign));
    expect(refusal(encodeProofFrame(challenge.terms.challengeId, token, payload))).toBe('message.bad-signature');
  });
  test('with leaves that were not signed', () => {
    const other = fromBase64Url(
      signMessage(
        proof,
        context,
        { nodeId, challengeHash: challenge.hash, absent: [], digest: 'ab'.repeat(32) },
        nodeKey,
      ),
    );
    expect(refusal(encodeProofFrame(challenge.terms.challengeId, other, payload))).toBe('proof.invalid');
  });
  test('with absent leaves that are no places of the challenge, or out of order', () => {
    const signed = (absent: number[]): Uint8Array => {
      const body = { nodeId, challengeHash: challenge.hash, absent, digest: 'ab'.repeat(32) };
      const token = fromBase64Url(signMessage(proof, context, body, nodeKey));
      return encodeProofFrame(challenge.terms.challengeId, token, new Uint8Array(0));
    };
    for (const absent of [[5], [65_535], [1, 0], [2, 2]]) expect(refusal(signed(absent))).toBe('proof.malformed');
  });
});

describe('a signed answer that does not show everything has faults', () => {
  const faultsOf = (made: Uint8Array, of = challenge): unknown => verifyProof(context, of, made, records).faults;
  const faulty = ({ clientId, packId, shardIndex }: TestShard, fault: string): unknown => ({
    clientId,
    packId,
    shardIndex,
    fault,
  });

  test('a shard that is gone, which the answer admits', async () => {
    const built = await buildProof(context, challenge, readerOf(shards.slice(1)), nodeKey);
    expect(built.lost).toEqual([{ clientId: shards[0]!.clientId, packId: shards[0]!.packId, shardIndex: 1 }]);
    expect(faultsOf(built.frame)).toEqual([faulty(shards[0]!, 'absent')]);
  });
  test('nothing at all', async () => {
    const made = await answer(challenge, []);
    expect(made.length).toBeLessThan(300);
    expect((faultsOf(made) as unknown[]).length).toBe(4);
  });
  test('a group damaged on the disk, a damaged list of hashes, a short read: absent, never a wrong leaf', async () => {
    const shard = shards[3]!;
    const bytes = shard.bytes.slice();
    bytes[4 * GROUP_BYTES + 7]! ^= 1; // in another leaf of the same group
    const groupHashes = shard.groupHashes.slice();
    groupHashes[0]! ^= 1;
    for (const damage of [{ bytes }, { groupHashes }, { bytes: bytes.subarray(0, 4 * GROUP_BYTES + 9) }]) {
      const held = [...shards.slice(0, 3), { ...shard, ...damage }];
      expect(faultsOf(await answer(challenge, held))).toEqual([faulty(shard, 'absent')]);
    }
  });
  test('any bit of any leaf or path, also when the node signs it', () => {
    fc.assert(
      fc.property(fc.nat(payload.length * 8 - 1), (bit) => {
        const flipped = payload.slice();
        flipped[bit >> 3]! ^= 1 << (bit & 7);
        const faults = faultsOf(signedFrame(challenge, [], flipped)) as { fault: string }[];
        expect(faults.map(({ fault }) => fault)).toEqual(['mismatch']);
      }),
      { numRuns: 100 },
    );
  });
  test('another leaf of the same shard, or the same leaf of another', async () => {
    for (const shown of [sampleOf(shards[3]!, 301), sampleOf(shards[3]!, 0)]) {
      const asked = challengeOver([sampleOf(shards[3]!, 300)]);
      const made = await answer(challengeOver([shown]));
      const wrong = made.subarray(made.length - 1024 - 32 * (shown.leafIndex === 0 ? 9 : 7));
      if (shown.leafIndex === 0) {
        // its path has another length, so it does not even fit
        expect(codeOf(() => signedFrame(asked, [], wrong))).toBe('proof.malformed');
      } else {
        expect(faultsOf(signedFrame(asked, [], wrong), asked)).toEqual([faulty(shards[3]!, 'mismatch')]);
      }
    }
  });
  test('records that the verifier does not know are its own mistake', () => {
    expect(codeOf(() => verifyProof(context, challenge, frame, () => undefined))).toBe('codec.bad-argument');
  });
});

test('a disk that cannot be read now is no loss: there is no answer', async () => {
  const reader = { ...readerOf(shards), readGroup: () => Promise.reject(new RangeError('the cable')) };
  await expect(buildProof(context, challenge, reader, nodeKey)).rejects.toThrow('the cable');
});

test('the mediator cannot make a proof in the name of the node', () => {
  expect(refusal(signedFrame(challenge, [], payload, mediatorKey))).toBe('proof.wrong-challenge');
});

test('a challenge with another length than the shard has is nobody’s proof of a loss', async () => {
  const shard = shards[1]!;
  const wrong = challengeOver([{ ...sampleOf(shard, 3), lengthBytes: 3 * GROUP_BYTES }]);
  await expect(answer(wrong)).rejects.toMatchObject({ code: 'challenge.unfair' });
  // a node that admits the loss all the same is not blamed either
  const admitted = await answer(wrong, []);
  expect(refusal(admitted, wrong)).toBe('challenge.unfair');
});

test('records come from commits that clients signed', () => {
  const client = createSigningKey(new Uint8Array(32).fill(2));
  const places = shards.slice(0, 2).map(({ root }) => ({ nodeId, root: toHex(root) }));
  const commit = {
    clientId: toHex(client.publicKey),
    vaultId: 'aa'.repeat(16),
    packId: 'bb'.repeat(32),
    dataShards: 1,
    parityShards: 1,
    shardLengthBytes: 65_536,
    maskKeyHash: 'cc'.repeat(32),
    shards: places,
  };
  const find = recordsOfCommits(context, [signMessage(packCommit, context, commit, client)]);
  const { clientId, packId } = commit;
  expect(find({ clientId, packId, shardIndex: 1 })).toEqual({ root: shards[1]!.root, lengthBytes: 65_536 });
  expect(find({ clientId, packId, shardIndex: 2 })).toBeUndefined();
  expect(find({ clientId: nodeId, packId, shardIndex: 1 })).toBeUndefined();
  const forged = signMessage(packCommit, context, commit, mediatorKey);
  expect(codeOf(() => recordsOfCommits(context, [forged]))).toBe('message.bad-signature');
});
