/** Challenges against their theory: how often a loss is caught, and that nothing is ever found at a node that has everything. */
import { describe, expect, test } from '@jest/globals';
import { shardTree } from '@holdfast/codec';
import {
  buildProof,
  createSigningKey,
  DRAWN_LEAVES,
  GROUP_BYTES,
  issueChallenge,
  judgeAnswer,
  type Judgement,
  openChallenge,
  type RecordOf,
  type Sample,
  type ShardReader,
  type SigningContext,
  toHex,
  verifyProof,
} from '@holdfast/protocol';
import { runsOf } from '@holdfast/testkit';
import { layOut, makeShards, samplesOf, secretOf, type SimulatedShard } from './challenged-node.ts';

/** Everything below follows from it; it stands in the names of the tests, so a failure shows it. */
const SEED = 'detection 1';
/** Standard deviations that a count may be off: one in 16,000 runs is, were the seed to change each time. */
const CONFIDENCE = 4;
const MIB = 1024 * 1024;

const mediator = createSigningKey(new Uint8Array(32).fill(1));
const node = createSigningKey(new Uint8Array(32).fill(3));
const nodeId = toHex(node.publicKey);
const context: SigningContext = { network: 'regtest', mediatorId: toHex(mediator.publicKey) };
const periodOf = (seed: string, number: number) => ({
  secret: secretOf(seed, number),
  nodeId,
  periodStartMs: number * 3_600_000,
});

/** Fails unless `caught` of `runs` is within the confidence interval of `probability`. */
function expectNear(caught: number, runs: number, probability: number): void {
  const deviation = Math.sqrt(runs * probability * (1 - probability));
  expect(caught).toBeGreaterThanOrEqual(Math.floor(runs * probability - CONFIDENCE * deviation));
  expect(caught).toBeLessThanOrEqual(Math.ceil(runs * probability + CONFIDENCE * deviation));
}

describe(`a loss is caught as often as 1 − (1 − f)^${DRAWN_LEAVES} says (seed "${SEED}")`, () => {
  const runs = runsOf({ short: 1000, long: 10_000 });
  const sizes = [1, 2, 3, 4, 6, 8].map((mebibytes) => mebibytes * MIB);
  // a thousand shards of 8 MiB and, on another node, of mixed sizes with a hole behind every fourth
  const even = makeShards(
    `${SEED} even`,
    Array.from({ length: 1000 }, () => 8 * MIB),
  );
  const mixed = makeShards(
    `${SEED} mixed`,
    Array.from({ length: 3000 }, (_, at) => sizes[at % sizes.length]!),
  );
  const holed = mixed.flatMap((shard, at) => (at % 4 === 3 ? [shard, undefined] : [shard]));

  test.each([
    ['0.1 % of even shards', even, even, 0.001],
    ['1 % of even shards', even, even, 0.01],
    ['1 % of mixed shards', mixed, holed, 0.01],
    ['10 % of even shards', even, even, 0.1],
  ] as const)(
    `%s, ${runs} periods`,
    async (name, shards, line, share) => {
      // every 1000th, 100th or 10th shard is lost; the share that counts is that of the bytes
      const lost = new Set(shards.filter((_, at) => at % Math.round(1 / share) === 7).map(({ packId }) => packId));
      const bytesOf = (some: readonly SimulatedShard[]): number =>
        some.reduce((sum, shard) => sum + shard.lengthBytes, 0);
      const fraction = bytesOf(shards.filter(({ packId }) => lost.has(packId))) / bytesOf(shards);
      const lines = layOut(line);
      let caught = 0;
      for (let number = 0; number < runs; number += 1) {
        const samples = await samplesOf(lines, periodOf(`${SEED} ${name}`, number), DRAWN_LEAVES);
        if (samples.some(({ packId }) => lost.has(packId))) caught += 1;
      }
      expectNear(caught, runs, 1 - (1 - fraction) ** DRAWN_LEAVES);
    },
    1_200_000,
  );
});

/** Sixteen real shards of two groups, with their trees, and a node that answers for some of them. */
function realNode(): {
  shards: SimulatedShard[];
  readerOf: (held: ReadonlySet<string>) => ShardReader;
  recordOf: RecordOf;
} {
  const shards = makeShards(
    `${SEED} real`,
    Array.from({ length: 16 }, () => GROUP_BYTES * 2),
  );
  const stored = new Map(
    shards.map(({ packId, lengthBytes }) => {
      const bytes = new Uint8Array(Buffer.alloc(lengthBytes, packId, 'hex'));
      return [packId, { bytes, ...shardTree(bytes) }] as const;
    }),
  );
  return {
    shards,
    readerOf: (held) => ({
      hashesOf: ({ packId }) => Promise.resolve(held.has(packId) ? stored.get(packId) : undefined),
      readGroup: ({ packId }, group) =>
        Promise.resolve(stored.get(packId)!.bytes.subarray(group * GROUP_BYTES, (group + 1) * GROUP_BYTES)),
    }),
    recordOf: ({ packId }) => stored.get(packId),
  };
}

describe(`with real challenges, proofs and judgements (seed "${SEED}")`, () => {
  const { shards, readerOf, recordOf } = realNode();
  const lines = layOut(shards);
  const all = new Set(shards.map(({ packId }) => packId));

  async function judge(seed: string, number: number, held: ReadonlySet<string>, leaves: number): Promise<Judgement> {
    const period = periodOf(seed, number);
    const samples: Sample[] = await samplesOf(lines, period, leaves);
    const terms = {
      challengeId: number.toString(16).padStart(32, '0'),
      nodeId,
      periodStartMs: period.periodStartMs,
      periodMs: 3_600_000,
      issuedAtMs: period.periodStartMs,
      deadlineAtMs: period.periodStartMs + 300_000,
      secretHash: '00'.repeat(32),
      nonce: '00'.repeat(32),
      lineEpoch: 1,
      lineLeaves: lines.lineLeaves,
    };
    const challenge = openChallenge(context, issueChallenge(context, terms, samples, mediator), nodeId);
    const { frame } = await buildProof(context, challenge, readerOf(held), node);
    return judgeAnswer(challenge, verifyProof(context, challenge, frame, recordOf), []);
  }

  const honestRuns = runsOf({ short: 500, long: 100_000 });
  test(`an honest node: no false verdict in ${honestRuns}`, async () => {
    for (let number = 0; number < honestRuns; number += 1) {
      const { outcome, faults } = await judge(`${SEED} honest`, number, all, 2);
      if (outcome !== 'passed') expect({ number, outcome, faults }).toEqual({ number, outcome: 'passed', faults: [] });
    }
  }, 3_600_000);

  const lossyRuns = runsOf({ short: 300, long: 3000 });
  test(`a sixteenth lost, 8 leaves: caught as theory says in ${lossyRuns} periods, and only that shard is named`, async () => {
    const lost = shards[5]!;
    const held = new Set([...all].filter((packId) => packId !== lost.packId));
    let caught = 0;
    for (let number = 0; number < lossyRuns; number += 1) {
      const { outcome, faults } = await judge(`${SEED} lossy`, number, held, 8);
      expect(outcome).toBe(faults.length > 0 ? 'failed' : 'passed');
      for (const { packId } of faults) expect(packId).toBe(lost.packId);
      caught += faults.length;
    }
    expectNear(caught, lossyRuns, 1 - (15 / 16) ** 8);
  }, 1_200_000);
});
