/**
 * Wrote challenges.json, once: it is the protocol from then on, and a test compares the code with it. Frames and digests
 * are put together by hand here, from docs/protocol.md. Run by hand for a new version of the protocol only:
 * node -C @holdfast/source test/vectors/make-challenge-vectors.ts
 */
import { createCipheriv, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { shardTree } from '@holdfast/codec';
import {
  buildProof,
  challenge,
  type ChallengeTerms,
  challengeNonce,
  challengeOffsetMs,
  createSigningKey,
  deriveSamples,
  fromBase64Url,
  fromHex,
  GROUP_BYTES,
  issueChallenge,
  lossReport,
  type MessageType,
  messageHash,
  type NodePeriod,
  openChallenge,
  periodCommitment,
  periodSecretHash,
  proof,
  type Sample,
  type ShardLines,
  signMessage,
  type SigningContext,
  type SigningKey,
  toBase64Url,
  toHex,
  verdict,
  verifyProof,
} from '@holdfast/protocol';

const seeds = { mediator: '01'.repeat(32), node: '03'.repeat(32), other: '09'.repeat(32) };
const keyOf = (name: keyof typeof seeds): SigningKey => createSigningKey(fromHex(seeds[name]));
const mediator = keyOf('mediator');
const node = keyOf('node');
const other = keyOf('other');
const nodeId = toHex(node.publicKey);
const context: SigningContext = { network: 'regtest', mediatorId: toHex(mediator.publicKey) };
const clients = ['1a'.repeat(32), '2b'.repeat(32)] as const;

const period: NodePeriod = { secret: fromHex('5e'.repeat(32)), nodeId, periodStartMs: 1_800_000_000_000 };
const nonce = challengeNonce(period);
const terms: ChallengeTerms = {
  challengeId: 'c1'.repeat(16),
  nodeId,
  periodStartMs: period.periodStartMs,
  periodMs: 3_600_000,
  issuedAtMs: 1_800_000_600_000,
  deadlineAtMs: 1_800_000_900_000,
  secretHash: periodSecretHash(period.secret),
  nonce,
  lineEpoch: 1,
  lineLeaves: 1024,
};

// ── shards ──
interface Shard {
  label: string;
  clientId: string;
  packId: string;
  shardIndex: number;
  lengthBytes: number;
  root: string;
}
const bytesOf = (label: string, lengthBytes: number): Uint8Array =>
  new Uint8Array(
    createCipheriv('aes-256-ctr', createHash('sha256').update(label).digest(), Buffer.alloc(16)).update(Buffer.alloc(lengthBytes)),
  );
const makeShard = (groups: number, clientId: string): Shard => {
  const label = `holdfast vector challenged shard ${groups}`;
  const lengthBytes = groups * GROUP_BYTES;
  const packId = createHash('sha256').update(`pack of ${label}`).digest('hex');
  return { label, clientId, packId, shardIndex: groups, lengthBytes, root: toHex(shardTree(bytesOf(label, lengthBytes)).root) };
};
const shards = [makeShard(1, clients[0]), makeShard(3, clients[1])] as const;
const reader = {
  hashesOf: ({ packId }: { packId: string }) =>
    Promise.resolve(shards.filter((shard) => shard.packId === packId).map((shard) => shardTree(bytesOf(shard.label, shard.lengthBytes)))[0]),
  readGroup: ({ packId }: { packId: string }, group: number) => {
    const shard = shards.find((one) => one.packId === packId)!;
    return Promise.resolve(bytesOf(shard.label, shard.lengthBytes).subarray(group * GROUP_BYTES, (group + 1) * GROUP_BYTES));
  },
};
const recordOf = ({ packId }: { packId: string }) => {
  const { root, lengthBytes } = shards.find((shard) => shard.packId === packId)!;
  return { root: fromHex(root), lengthBytes };
};
const leaf = (shard: Shard, leafIndex: number, reason: Sample['reason']): Sample => {
  const { clientId, packId, shardIndex, lengthBytes } = shard;
  return { clientId, packId, shardIndex, lengthBytes, leafIndex, reason };
};

// ── challenge, proof ──
const samples: Sample[] = [{ ...leaf(shards[0], 5, 'drawn'), lineStart: 64 }, leaf(shards[1], 130, 'agreement')];
const token = issueChallenge(context, terms, samples, mediator);
const opened = openChallenge(context, token);
const { frame } = await buildProof(context, opened, reader, node);
const sizes = [1024 + 6 * 32, 1024 + 7 * 32]; // leaf 130 of three groups: the last group has one sibling, the root of the first two
const payload = frame.slice(frame.length - sizes[0]! - sizes[1]!);

function digestOf(hash: string, parts: (Uint8Array | undefined)[][]): string {
  const sha = createHash('sha256').update('holdfast proof v1\0').update(fromHex(hash));
  for (const pair of parts) {
    for (const bytes of pair) {
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes?.length ?? 0);
      sha.update(length).update(bytes ?? new Uint8Array(0));
    }
  }
  return sha.digest('hex');
}
function split(bytes: Uint8Array, absent: number[]): (Uint8Array | undefined)[][] {
  let at = 0;
  return sizes.map((size, place) => {
    if (absent.includes(place)) return [undefined, undefined];
    at += size;
    return [bytes.subarray(at - size, at - size + 1024), bytes.subarray(at - size + 1024, at)];
  });
}
interface FrameParts {
  id: string;
  absent: number[];
  payload: Uint8Array;
  digest: string;
  hash: string;
  claimed: string;
  key: SigningKey;
  version: number;
}
function frameOf(changed: Partial<FrameParts>): Uint8Array {
  const parts = { id: terms.challengeId, absent: [], payload, hash: opened.hash, claimed: nodeId, key: node, version: 1, ...changed };
  const digest = changed.digest ?? digestOf(parts.hash, split(parts.payload, parts.absent));
  const body = { nodeId: parts.claimed, challengeHash: parts.hash, absent: parts.absent, digest };
  const message = fromBase64Url(signMessage(proof, context, body, parts.key));
  const length = Buffer.alloc(2);
  length.writeUInt16BE(message.length);
  return new Uint8Array(
    Buffer.concat([Buffer.from('HFPROOF'), Buffer.of(parts.version), Buffer.from(parts.id, 'hex'), length, message, parts.payload]),
  );
}
function flipped(bytes: Uint8Array, at: number, bit = 0): Uint8Array {
  const copy = bytes.slice();
  copy[at]! ^= 1 << bit;
  return copy;
}
if (!Buffer.from(frameOf({})).equals(frame)) throw new RangeError('a frame made by hand is another one');

const earlier = openChallenge(context, issueChallenge(context, { ...terms, nonce: 'ee'.repeat(32) }, samples, mediator));
const invalidFrames: [string, string, Uint8Array][] = [
  ['empty', 'proof.malformed', new Uint8Array(0)],
  ['cut off in its head', 'proof.malformed', frame.subarray(0, 25)],
  ['another magic', 'proof.malformed', flipped(frame, 0)],
  ['another version', 'proof.malformed', frameOf({ version: 2 })],
  ['another challenge id in the head', 'proof.wrong-challenge', flipped(frame, 8)],
  ['a message length beyond the frame', 'proof.malformed', frame.subarray(0, 60)],
  ['a message length above the limit', 'proof.malformed', flipped(frame, 24, 7)],
  ['a flipped bit in the message', 'message.bad-signature', flipped(frame, 26 + 50 + 32 + 40)],
  ['a flipped bit in the signature', 'message.bad-signature', flipped(frame, frame.length - payload.length - 1)],
  ['a flipped bit in a leaf', 'proof.invalid', flipped(frame, frame.length - payload.length)],
  ['a flipped bit in the first path', 'proof.invalid', flipped(frame, frame.length - payload.length + 1024)],
  ['a flipped bit in the last path', 'proof.invalid', flipped(frame, frame.length - 1)],
  ['a byte too few', 'proof.malformed', frame.subarray(0, -1)],
  ['a byte too many', 'proof.malformed', new Uint8Array([...frame, 0])],
  ['an absent leaf whose bytes are there', 'proof.malformed', frameOf({ absent: [0], digest: digestOf(opened.hash, split(payload, [])) })],
  ['an absent leaf that is no place of the challenge', 'proof.malformed', frameOf({ absent: [2], digest: '00'.repeat(32) })],
  ['absent leaves out of order', 'proof.malformed', frameOf({ absent: [1, 0], payload: new Uint8Array(0), digest: '00'.repeat(32) })],
  ['a digest without the challenge’s hash', 'proof.invalid', frameOf({ digest: digestOf('00'.repeat(32), split(payload, [])) })],
  ['replayed: the node’s answer to the same leaves under another nonce', 'proof.wrong-challenge', frameOf({ hash: earlier.hash })],
  ['foreign: another node answers in its own name', 'proof.wrong-challenge', frameOf({ key: other, claimed: toHex(other.publicKey) })],
  ['forged: another node answers in this node’s name', 'message.bad-signature', frameOf({ key: other })],
];
const faulty: [string, Uint8Array][] = [
  ['the node admits that the first shard is lost', frameOf({ absent: [0], payload: payload.slice(sizes[0]) })],
  ['the node admits that both are lost', frameOf({ absent: [0, 1], payload: new Uint8Array(0) })],
  ['the node signs a wrong leaf', frameOf({ payload: flipped(payload, 77) })],
  ['the node signs a wrong sibling inside the group', frameOf({ payload: flipped(payload, sizes[0]! + 1024 + 32) })],
  ['the node signs a wrong sibling over the groups', frameOf({ payload: flipped(payload, payload.length - 1) })],
];
const faultsOf = (made: Uint8Array): object => verifyProof(context, opened, made, recordOf).faults;

// ── samples of a small line: 64 KiB hole, one group, 64 KiB hole, three groups ──
const spans = [
  { shard: shards[0], startLeaf: 64, agreementId: 'small' },
  { shard: shards[1], startLeaf: 192, agreementId: 'large' },
];
const lineLeaves = 192 + 3 * 64;
const lines: ShardLines = {
  onNode: (positions) =>
    Promise.resolve(
      positions.map((position) => {
        const span = spans.find(({ shard, startLeaf }) => position >= startLeaf && position < startLeaf + shard.lengthBytes / 1024);
        return span && { ...span.shard, startLeaf: span.startLeaf, agreementId: span.agreementId };
      }),
    ),
  inAgreements: (places) =>
    Promise.resolve(places.map(({ agreementId }) => ({ ...spans.find((span) => span.agreementId === agreementId)!.shard, startLeaf: 0, unshownPeriods: 3 }))),
};
const agreements = [
  { agreementId: 'small', lineLeaves: 64 },
  { agreementId: 'large', lineLeaves: 192 },
];
const derive = async (count: number): Promise<object> => ({
  count,
  samples: (await deriveSamples({ period, nonce, lineLeaves, count, agreements }, lines)).map(({ packId, leafIndex, reason }) => ({ packId, leafIndex, reason })),
});

// ── messages ──
const sign = <Body>(name: string, type: MessageType<Body>, signer: keyof typeof seeds, body: NoInfer<Body>): object => ({
  type: name,
  signer,
  body,
  token: signMessage(type, context, body, keyOf(signer)),
});
const shardRef = { clientId: clients[0], packId: shards[0].packId, shardIndex: 1 };
const grouped = (...leaves: number[]): object => ({
  packId: shards[0].packId,
  shardIndex: 1,
  lengthBytes: 65_536,
  lineStart: 0,
  leaves: leaves.map((leafIndex) => ({ leafIndex, reason: 'drawn' })),
});
const invalidChallenge = (reason: string, code: string, clientsOf: object[], key = mediator): object => ({
  reason,
  code,
  token: signMessage(challenge, context, { ...terms, clients: clientsOf as never }, key),
});

const out = {
  about:
    'Challenges as in docs/protocol.md. Frames are base64url. The bytes of a shard are the AES-256-CTR key stream, zero IV, under SHA-256 of its label.',
  context,
  seeds,
  shards,
  period: {
    secret: toHex(period.secret),
    secretHash: periodSecretHash(period.secret),
    nodeId,
    periodStartMs: period.periodStartMs,
    nonces: [challengeNonce(period), challengeNonce(period, 1)],
    offsetMs: { spanMs: 3_300_000, offsetMs: challengeOffsetMs(period, 3_300_000) },
  },
  samples: {
    about: 'Line of the node: hole of 64 leaves, shards[0], hole of 64 leaves, shards[1]. Each agreement’s line is its one shard, unshown for 3 periods.',
    lineLeaves,
    spans: spans.map(({ shard, startLeaf, agreementId }) => ({ packId: shard.packId, startLeaf, agreementId })),
    agreements,
    nonce,
    cases: [await derive(1), await derive(12), await derive(460)],
  },
  messages: [
    sign('periodCommitment', periodCommitment, 'mediator', { periodStartMs: period.periodStartMs, periodMs: 3_600_000, secretHash: terms.secretHash }),
    sign('verdict', verdict, 'mediator', { nodeId, challengeHash: opened.hash, outcome: 'failed', proofHash: '00'.repeat(32), judgedAtMs: 1_800_000_900_001, faults: [{ ...shardRef, fault: 'late-report' }] }),
    sign('lossReport', lossReport, 'node', { nodeId, reportedAtMs: 1_800_000_700_000, shards: [shardRef] }),
  ],
  challenge: { token, hash: messageHash(token), terms, samples },
  invalidChallenges: [
    invalidChallenge('no leaves', 'message.malformed', []),
    invalidChallenge('a leaf twice', 'message.malformed', [{ clientId: clients[0], shards: [grouped(5, 5)] }]),
    invalidChallenge('leaves out of order', 'message.malformed', [{ clientId: clients[0], shards: [grouped(6, 5)] }]),
    invalidChallenge('a leaf beyond the shard', 'message.malformed', [{ clientId: clients[0], shards: [grouped(64)] }]),
    invalidChallenge('a shard in two places', 'message.malformed', [{ clientId: clients[0], shards: [grouped(1), grouped(2)] }]),
    invalidChallenge('clients out of order', 'message.malformed', [
      { clientId: clients[1], shards: [grouped(1)] },
      { clientId: clients[0], shards: [grouped(1)] },
    ]),
    invalidChallenge('a shard that is no multiple of 64 KiB', 'message.malformed', [
      { clientId: clients[0], shards: [{ ...grouped(1), lengthBytes: 65_535 }] },
    ]),
    invalidChallenge('not signed by the mediator', 'message.bad-signature', [{ clientId: clients[0], shards: [grouped(1)] }], node),
  ],
  proof: { frame: toBase64Url(frame), proofHash: createHash('sha256').update(frame).digest('hex'), digest: digestOf(opened.hash, split(payload, [])) },
  faultyProofs: faulty.map(([reason, made]) => ({ reason, frame: toBase64Url(made), faults: faultsOf(made) })),
  invalidProofs: invalidFrames.map(([reason, code, made]) => ({ reason, code, frame: toBase64Url(made) })),
};
// 'wx': golden vectors are never replaced by accident
writeFileSync(new URL('challenges.json', import.meta.url), `${JSON.stringify(out, null, 1)}\n`, { flag: 'wx' });
