/**
 * What challenges cost, in CPU seconds: the mediator's side (deriving, issuing, verifying, judging) for the node's hour,
 * and the node's, from 10 GB to 1 TB; and how many nodes' proofs one core verifies: npm run bench -- --only challenges
 */
import { createCipheriv } from 'node:crypto';
import { shardTree } from '@holdfast/codec';
import {
  buildProof,
  challengeNonce,
  createSigningKey,
  deriveSamples,
  DRAWN_LEAVES,
  GROUP_BYTES,
  issueChallenge,
  judgeAnswer,
  LEAF_BYTES,
  maxProofFrameBytes,
  openChallenge,
  type RecordOf,
  type Sample,
  type ShardHashes,
  type ShardLines,
  type ShardReader,
  signMessage,
  type SigningContext,
  toHex,
  verdict,
  verifyProof,
} from '@holdfast/protocol';

const NODES = 10_000;
const PERIOD_MS = 3_600_000;
/** Of 8 MiB: what a pack of 4+4 has. */
const SHARD_GROUPS = 128;
const SHARD_LEAVES = SHARD_GROUPS * (GROUP_BYTES / LEAF_BYTES);
/** Shards that really exist; every shard of a simulated node is one of them under another name. */
const DISTINCT_SHARDS = 4;

export interface ChallengeCosts {
  readonly storedBytes: number;
  readonly samples: number;
  /** Challenge token and proof frame together. */
  readonly wireBytes: number;
  /** Of one answer: blocks of 64 KiB, and the hashes beside each shard. */
  readonly nodeReads: number;
  /** Mediator, for one node and period. */
  readonly issueCpuMs: number;
  readonly verifyCpuMs: number;
  /** The node's own, without the disk. */
  readonly answerCpuMs: number;
  /** Part of one core that 10,000 nodes an hour take of the mediator. */
  readonly coreShare: number;
}

const mediator = createSigningKey(new Uint8Array(32).fill(1));
const node = createSigningKey(new Uint8Array(32).fill(3));
const nodeId = toHex(node.publicKey);
const context: SigningContext = { network: 'regtest', mediatorId: toHex(mediator.publicKey) };

interface World {
  readonly lines: ShardLines;
  readonly lineLeaves: number;
  readonly reader: ShardReader;
  /** Reads of the reader so far. */
  readonly reads: () => number;
  readonly recordOf: RecordOf;
}

/** A node that holds so many bytes: a pack's number stands in its id, and says which of the distinct shards it is. */
function makeWorld(storedBytes: number): World {
  const stream = createCipheriv('aes-256-ctr', Buffer.alloc(32), Buffer.alloc(16));
  const held = Array.from({ length: DISTINCT_SHARDS }, () => {
    const bytes = new Uint8Array(stream.update(Buffer.alloc(SHARD_GROUPS * GROUP_BYTES)));
    return { bytes, ...shardTree(bytes) };
  });
  const shardOf = ({ packId }: { readonly packId: string }): ShardHashes & { readonly bytes: Uint8Array } =>
    held[Number.parseInt(packId.slice(-8), 16) % DISTINCT_SHARDS]!;
  let reads = 0;
  const lineLeaves = Math.ceil(storedBytes / (SHARD_GROUPS * GROUP_BYTES)) * SHARD_LEAVES;
  const spanAt = (position: number) => {
    const number = Math.floor(position / SHARD_LEAVES);
    return {
      clientId: 'aa'.repeat(32),
      packId: number.toString(16).padStart(64, '0'),
      shardIndex: 0,
      lengthBytes: SHARD_GROUPS * GROUP_BYTES,
      startLeaf: number * SHARD_LEAVES,
      agreementId: 'only',
    };
  };
  return {
    lineLeaves,
    lines: {
      onNode: (positions) => Promise.resolve(positions.map(spanAt)),
      inAgreements: (places) => Promise.resolve(places.map(({ position }) => spanAt(position))),
    },
    reader: {
      hashesOf(shard) {
        reads += 1;
        return Promise.resolve(shardOf(shard));
      },
      readGroup(shard, group) {
        reads += 1;
        return Promise.resolve(shardOf(shard).bytes.subarray(group * GROUP_BYTES, (group + 1) * GROUP_BYTES));
      },
    },
    reads: () => reads,
    recordOf: (shard) => ({ root: shardOf(shard).root, lengthBytes: SHARD_GROUPS * GROUP_BYTES }),
  };
}

/** CPU milliseconds, user and system, of what `work` does; the best of some rounds, since interference only adds. */
async function cpuMs<T>(rounds: number, work: (round: number) => Promise<T> | T): Promise<{ ms: number; value: T }> {
  let best = Infinity;
  let value = await work(0);
  for (let round = 1; round <= rounds; round += 1) {
    const before = process.cpuUsage();
    value = await work(round);
    const used = process.cpuUsage(before);
    best = Math.min(best, (used.user + used.system) / 1000);
  }
  return { ms: best, value };
}

/** As the mediator does it for each node and period. */
async function issue({ lines, lineLeaves }: World, round: number): Promise<{ token: string; samples: Sample[] }> {
  const period = { secret: new Uint8Array(32).fill(7), nodeId, periodStartMs: round * PERIOD_MS };
  const nonce = challengeNonce(period);
  const agreements = [{ agreementId: 'only', lineLeaves }];
  const samples = await deriveSamples({ period, nonce, lineLeaves, count: DRAWN_LEAVES, agreements }, lines);
  const said = {
    challengeId: 'c1'.repeat(16),
    nodeId,
    periodStartMs: period.periodStartMs,
    periodMs: PERIOD_MS,
    issuedAtMs: period.periodStartMs + 1000,
    deadlineAtMs: period.periodStartMs + 301_000,
    secretHash: 'd2'.repeat(32),
    nonce,
    lineEpoch: 1,
    lineLeaves,
  };
  return { token: issueChallenge(context, said, samples, mediator), samples };
}

/** As the mediator does it with each answer, but for the rows in its database. Throws unless it passes. */
function judge({ recordOf }: World, token: string, frame: Uint8Array): void {
  const challenge = openChallenge(context, token);
  if (frame.length > maxProofFrameBytes(challenge)) throw new RangeError('a frame longer than foretold');
  const judged = judgeAnswer(challenge, verifyProof(context, challenge, frame, recordOf), []);
  const body = { nodeId, challengeHash: challenge.hash, judgedAtMs: 1, ...judged };
  signMessage(verdict, context, body, mediator);
  if (judged.outcome !== 'passed') throw new RangeError(`an honest node ${judged.outcome}`);
}

export async function measureChallenges(storedBytes: number, rounds = 5): Promise<ChallengeCosts> {
  const world = makeWorld(storedBytes);
  const { reader, reads } = world;
  const issued = await cpuMs(rounds, (round) => issue(world, round));
  const { token, samples } = issued.value;
  const readsBefore = reads();
  const answers = 2;
  const answered = await cpuMs(answers - 1, () =>
    buildProof(context, openChallenge(context, token, nodeId), reader, node),
  );
  const { frame } = answered.value;
  const verified = await cpuMs(rounds, () => judge(world, token, frame));
  return {
    storedBytes,
    samples: samples.length,
    wireBytes: token.length + frame.length,
    nodeReads: (reads() - readsBefore) / answers,
    issueCpuMs: issued.ms,
    verifyCpuMs: verified.ms,
    answerCpuMs: answered.ms,
    coreShare: ((issued.ms + verified.ms) * NODES) / PERIOD_MS,
  };
}

interface VerifyingCosts {
  readonly frames: number;
  /** User and system time of opening the challenge, verifying every leaf, judging and signing the verdict: the mean. */
  readonly cpuMs: number;
}

/** Verifies that many answers, each to another challenge, in 1 TB: nothing is found in a cache because it was just there. */
async function measureVerifying(frames: number): Promise<VerifyingCosts> {
  const world = makeWorld(1e12);
  const answers: { token: string; frame: Uint8Array }[] = [];
  for (let round = 0; round < frames; round += 1) {
    const { token } = await issue(world, round);
    const { frame } = await buildProof(context, openChallenge(context, token, nodeId), world.reader, node);
    answers.push({ token, frame });
  }
  const before = process.cpuUsage();
  for (const { token, frame } of answers) judge(world, token, frame);
  const used = process.cpuUsage(before);
  return { frames, cpuMs: (used.user + used.system) / 1000 / frames };
}

const HOUR_CPU_MS = 3_600_000;
const VERIFIED_FRAMES = 60;

/** Prints what challenges cost by size of the node, and what one core verifies. */
export async function benchChallenges(): Promise<void> {
  process.stdout.write('\nchallenges of 460 drawn leaves: CPU ms for one node and period, best of some rounds\n');
  process.stdout.write('stored    leaves   MB on the wire   reads   issue   verify, judge   node’s answer\n');
  for (const storedBytes of [10e9, 100e9, 1e12]) {
    const costs = await measureChallenges(storedBytes);
    const cells = [
      `${storedBytes / 1e9} GB`.padEnd(7),
      String(costs.samples).padStart(8),
      (costs.wireBytes / 1e6).toFixed(3).padStart(16),
      String(costs.nodeReads).padStart(7),
      costs.issueCpuMs.toFixed(1).padStart(7),
      costs.verifyCpuMs.toFixed(1).padStart(15),
      costs.answerCpuMs.toFixed(0).padStart(15),
    ];
    process.stdout.write(`${cells.join(' ')}\n`);
  }
  const { frames, cpuMs: each } = await measureVerifying(VERIFIED_FRAMES);
  const perHour = HOUR_CPU_MS / each;
  process.stdout.write(
    `${frames} answers verified, judged and signed: ${each.toFixed(1)} CPU ms each, ` +
      `${Math.round(perHour).toLocaleString('en-GB')} nodes an hour on one core, ` +
      `${(perHour / NODES).toFixed(0)} times ${NODES.toLocaleString('en-GB')}\n`,
  );
}
