/** Challenges over the link, answered from real files: what is whole is shown, what is lost is admitted and reported. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { systemClock } from '@holdfast/platform';
import {
  agreement,
  type AgreementToSign,
  amendment,
  fromHex,
  GROUP_BYTES,
  issueChallenge,
  type OpenChallenge,
  openChallenge,
  openMessage,
  type Sample,
  toHex,
  type VerifiedProof,
  verifyProof,
} from '@holdfast/protocol';
import { groupHash, merkleRoot } from '@holdfast/codec';
import { shardsOnDisk } from '../testing/test-disk.ts';
import { type Harness, startHarness } from '../testing/test-node.ts';

let harness: Harness;
beforeEach(async () => {
  harness = await startHarness();
});
afterEach(async () => {
  await harness.close();
});

const soon = async (what: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 800; tries += 1) {
    if (what()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('it did not happen');
};
const link = () => harness.mediator.link!;

interface Stored {
  readonly packId: string;
  readonly root: Uint8Array;
  readonly lengthBytes: number;
  readonly file: string;
}

const GROUPS = 5;
async function store(): Promise<Stored> {
  const [packId, bytes] = [harness.packId(), harness.shard(GROUPS)];
  expect((await harness.client.putShard(harness.grant('put'), packId, 0, bytes)).status).toBe(201);
  const clientId = harness.client.clientId;
  harness.mediator.addOrder({ kind: 'committed', shards: [{ clientId, packId, shardIndex: 0 }] });
  await harness.node.heartbeatNow();
  const hashes = Array.from({ length: GROUPS }, (_, at) =>
    groupHash(bytes.subarray(at * GROUP_BYTES, (at + 1) * GROUP_BYTES)),
  );
  const file = shardsOnDisk(harness.node.dataDir).find((found) => found.packId === packId)!.path;
  return { packId, root: merkleRoot(new Uint8Array(Buffer.concat(hashes))), lengthBytes: bytes.length, file };
}

/** Leaves of every shard: two in one group, one elsewhere. */
function challengeOf(shards: readonly Stored[], changes: { nodeId?: string; deadlineMs?: number } = {}) {
  const { signing, key } = harness.mediator;
  const nowMs = Date.now();
  const samples = shards.flatMap(({ packId, lengthBytes }) =>
    [3, 40, 64 * (GROUPS - 1) + 63].map((leafIndex): Sample => ({
      clientId: harness.client.clientId,
      packId,
      shardIndex: 0,
      lengthBytes,
      leafIndex,
      reason: 'drawn',
    })),
  );
  const terms = {
    challengeId: toHex(harness.random.bytes(16)),
    nodeId: changes.nodeId ?? harness.node.nodeId,
    periodStartMs: 0,
    periodMs: 3_600_000,
    issuedAtMs: nowMs - 1000,
    deadlineAtMs: nowMs + (changes.deadlineMs ?? 60_000),
    secretHash: '0'.repeat(64),
    nonce: toHex(harness.random.bytes(32)),
    lineEpoch: 0,
    lineLeaves: 1000,
  };
  const token = issueChallenge(signing, terms, samples, key);
  return { token, challenge: openChallenge(signing, token) };
}

async function nextProof(count = 1): Promise<Buffer> {
  await soon(() => link().proofs.length >= count);
  return link().proofs.at(-1)!;
}
function verify(challenge: OpenChallenge, frame: Uint8Array, shards: readonly Stored[]): VerifiedProof {
  return verifyProof(harness.mediator.signing, challenge, new Uint8Array(frame), ({ packId }) =>
    shards.find((shard) => shard.packId === packId),
  );
}

describe('a challenge', () => {
  test('is answered with what lies on the disk, and again when it is asked again', async () => {
    const shards = [await store(), await store(), await store()];
    const { token, challenge } = challengeOf(shards);
    link().push({ type: 'challenge', token });
    expect(verify(challenge, await nextProof(), shards).faults).toEqual([]);
    const before = link().connectionCount();
    link().close();
    await soon(() => link().connectionCount() > before);
    await harness.node.heartbeatNow();
    link().push({ type: 'challenge', token });
    expect(verify(challenge, await nextProof(2), shards).faults).toEqual([]);
    expect(harness.mediator.losses).toEqual([]);
  });

  test('that is sent twice at once is answered once; the next one comes after it', async () => {
    const shards = [await store()];
    const [one, two] = [challengeOf(shards), challengeOf(shards)];
    for (const { token } of [one, one, two]) link().push({ type: 'challenge', token });
    expect(verify(two.challenge, await nextProof(2), shards).faults).toEqual([]);
    await harness.node.heartbeatNow();
    expect(link().proofs).toHaveLength(2);
  });

  test.each<[string, (file: string) => void]>([
    ['is missing', (file) => rmSync(file)],
    ['was changed where it is asked', (file) => change(file, 3 * 1024)],
    ['was changed elsewhere in a group that is asked', (file) => change(file, 20 * 1024)],
    ['has other hashes', (file) => change(file, GROUPS * GROUP_BYTES + 5)],
  ])('of a shard that %s admits that, and the loss is reported', async (_, damage) => {
    const shards = [await store(), await store()];
    const [, hurt] = shards;
    damage(hurt!.file);
    const { token, challenge } = challengeOf(shards);
    link().push({ type: 'challenge', token });
    const { faults } = verify(challenge, await nextProof(), shards);
    expect(faults).toEqual([
      { clientId: harness.client.clientId, packId: hurt!.packId, shardIndex: 0, fault: 'absent' },
    ]);
    await harness.node.heartbeatNow();
    expect(harness.mediator.losses.map(({ packId }) => packId)).toEqual([hurt!.packId]);
  });

  test('that is none of ours, too late, or unfair gets no answer, and the next one does', async () => {
    const shards = [await store()];
    const wrong = [
      challengeOf(shards, { nodeId: 'ab'.repeat(32) }).token,
      challengeOf(shards, { deadlineMs: -500 }).token,
      challengeOf([{ ...shards[0]!, lengthBytes: (GROUPS + 1) * GROUP_BYTES }]).token,
      'AAAA',
    ];
    for (const token of wrong) link().push({ type: 'challenge', token });
    const right = challengeOf(shards);
    link().push({ type: 'challenge', token: right.token });
    expect(verify(right.challenge, await nextProof(), shards).faults).toEqual([]);
    expect(link().proofs).toHaveLength(1);
  });
});

function change(file: string, at: number): void {
  const bytes = readFileSync(file);
  bytes[at]! ^= 1;
  writeFileSync(file, bytes);
}

describe('an agreement', () => {
  const signedTokens = () => link().said.flatMap((message) => (message.type === 'signed' ? [message] : []));
  const terms = (changes: Partial<AgreementToSign> = {}): AgreementToSign => ({
    agreementId: toHex(harness.random.bytes(16)),
    clientId: harness.client.clientId,
    vaultId: '0'.repeat(32),
    mandateHash: '1'.repeat(64),
    priceSatPerTbMonth: 1000n,
    commissionPpm: 50_000,
    periodMs: 3_600_000,
    startsAtMs: 7_200_000,
    endsAtMs: 720 * 3_600_000,
    ...changes,
  });

  test('is signed when it is what the node offers, and only then', async () => {
    const [good, better] = [terms(), terms({ priceSatPerTbMonth: 1001n })];
    const agreements = [
      good,
      terms({ priceSatPerTbMonth: 999n }),
      terms({ periodMs: 1_800_000 }),
      terms({ startsAtMs: 7_200_001 }),
      terms({ endsAtMs: 7_200_000 }),
      better,
    ];
    link().push({ type: 'sign', agreements, amendments: [] });
    await soon(() => signedTokens().length >= 2);
    await harness.node.heartbeatNow();
    const bodies = signedTokens().map(({ token }) => openMessage(agreement, harness.mediator.signing, token));
    expect(bodies.map(({ agreementId }) => agreementId)).toEqual([good.agreementId, better.agreementId]);
    expect(bodies[0]).toMatchObject({ ...good, nodeId: harness.node.nodeId });
    expect(fromHex(bodies[0]!.nodeId)).toHaveLength(32);
  });

  test('made just before the node raised its price is signed at the price of that time', async () => {
    const periodMs = 3_600_000;
    // The next hour must not begin meanwhile.
    while (periodMs - (systemClock.nowMs() % periodMs) < 30_000) await systemClock.sleep(1_000);
    const startsAtMs = (Math.floor(systemClock.nowMs() / periodMs) + 1) * periodMs;
    const times = { startsAtMs, endsAtMs: startsAtMs + 720 * periodMs };
    await harness.restart({ priceSatPerTbMonth: 1500n });
    await harness.restart({ priceSatPerTbMonth: 1500n });
    await soon(() => link().links.length === 1);
    const before = terms({ ...times, priceSatPerTbMonth: 1000n });
    const agreements = [
      terms({ ...times, priceSatPerTbMonth: 999n }),
      // Of a time that the node knows nothing about: by its offer.
      terms({ priceSatPerTbMonth: 1000n }),
      before,
      terms({ ...times, priceSatPerTbMonth: 1500n }),
    ];
    link().push({ type: 'sign', agreements, amendments: [] });
    await soon(() => signedTokens().length >= 2);
    await harness.node.heartbeatNow();
    const bodies = signedTokens().map(({ token }) => openMessage(agreement, harness.mediator.signing, token));
    expect(bodies.map(({ priceSatPerTbMonth }) => priceSatPerTbMonth)).toEqual([1000n, 1500n]);
    expect(bodies[0]).toMatchObject(before);
  });

  test('of more bytes than the client has here is not signed', async () => {
    const { lengthBytes } = await store();
    const { clientId } = harness.client;
    const amendmentOf = (storedBytes: number, of = clientId) => ({
      agreementId: toHex(harness.random.bytes(16)),
      clientId: of,
      effectiveAtMs: 3_600_000,
      storedBytes,
    });
    const amendments = [
      amendmentOf(lengthBytes),
      amendmentOf(lengthBytes + 1),
      amendmentOf(1, 'cd'.repeat(32)),
      amendmentOf(0),
    ];
    link().push({ type: 'sign', agreements: [], amendments });
    await soon(() => signedTokens().length >= 2);
    await harness.node.heartbeatNow();
    const bodies = signedTokens().map(({ token }) => openMessage(amendment, harness.mediator.signing, token));
    expect(bodies.map(({ storedBytes }) => storedBytes)).toEqual([lengthBytes, 0]);
  });
});
