import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  agreementsDue,
  AGREEMENTS_EACH_PERIOD,
  deriveSamples,
  DRAWN_LEAVES,
  type SampleRequest,
  type ShardLines,
} from './derive-samples.ts';
import { DrawStream } from './draws.ts';
import { challengeNonce, challengeOffsetMs, type NodePeriod, periodSecretHash } from './period-secret.ts';
import { compareSamples, MAX_CARRIED_LEAVES, type Sample, withCarried } from './samples.ts';
import { linesOf, nodeId, type TestLines } from './test-world.ts';

const GROUP_LEAVES = 64;
const hex = (number: number, bytes: number): string => number.toString(16).padStart(2 * bytes, '0');
const shard = (
  number: number,
  groups: number,
  agreementId = 'a',
): NonNullable<Parameters<typeof linesOf>[0][number]> => ({
  clientId: '1a'.repeat(32),
  packId: hex(number, 32),
  shardIndex: number % 8,
  agreementId,
  lengthBytes: groups * 65_536,
});
const period: NodePeriod = { secret: new Uint8Array(32).fill(5), nodeId, periodStartMs: 1_800_000_000_000 };
const request = (lines: TestLines, changed: Partial<SampleRequest> = {}): SampleRequest => ({
  period,
  nonce: challengeNonce(period),
  lineLeaves: lines.lineLeaves,
  count: DRAWN_LEAVES,
  agreements: [...lines.agreementLeaves].map(([agreementId, lineLeaves]) => ({ agreementId, lineLeaves })),
  ...changed,
});
const derive = (lines: TestLines, changed: Partial<SampleRequest> = {}): Promise<Sample[]> =>
  deriveSamples(request(lines, changed), lines);

describe('draws', () => {
  test('stay below their bound and reach all of it', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 52 }), fc.uint8Array({ minLength: 1 }), (bound, seed) => {
        const stream = new DrawStream(seed);
        for (let count = 0; count < 20; count += 1) {
          const drawn = stream.below(bound);
          expect(Number.isInteger(drawn) && drawn >= 0 && drawn < bound).toBe(true);
        }
      }),
    );
    const stream = new DrawStream(new Uint8Array(32));
    expect(new Set(Array.from({ length: 200 }, () => stream.below(6))).size).toBe(6);
    // high bounds reach the upper half: all 53 bits are there
    const high = Array.from({ length: 64 }, () => stream.below(2 ** 53 - 1));
    expect(Math.max(...high)).toBeGreaterThan(2 ** 52);
  });
  test.each([0, -1, 1.5, Number.NaN, 2 ** 53])('below %p do not exist', (bound) => {
    expect(() => new DrawStream(new Uint8Array(32)).below(bound)).toThrow(
      expect.objectContaining({ code: 'codec.bad-argument' }),
    );
  });
});

describe('what a period secret decides', () => {
  test('differs by node, period and number, and needs a secret of 32 bytes', () => {
    const nonces = [
      challengeNonce(period),
      challengeNonce(period, 1),
      challengeNonce({ ...period, periodStartMs: 1_800_003_600_000 }),
      challengeNonce({ ...period, nodeId: 'ab'.repeat(32) }),
      challengeNonce({ ...period, secret: new Uint8Array(32).fill(6) }),
      periodSecretHash(period.secret),
    ];
    expect(new Set(nonces).size).toBe(nonces.length);
    expect(() => challengeNonce({ ...period, secret: new Uint8Array(31) })).toThrow(
      expect.objectContaining({ code: 'codec.bad-argument' }),
    );
  });
  test('moments are spread over the whole span', () => {
    const moments = Array.from({ length: 200 }, (_, hour) =>
      challengeOffsetMs({ ...period, periodStartMs: period.periodStartMs + hour * 3_600_000 }, 3_300_000),
    );
    expect(Math.min(...moments)).toBeLessThan(200_000);
    expect(Math.max(...moments)).toBeGreaterThan(3_100_000);
    expect(Math.max(...moments)).toBeLessThan(3_300_000);
  });
});

describe('samples', () => {
  const holey = linesOf(
    Array.from({ length: 300 }, (_, at) => (at % 3 === 0 ? undefined : shard(at, 1 + (at % 5), `a${at % 4}`))),
  );

  test('are the same for the same request, in order, each once, inside their shards', async () => {
    const samples = await derive(holey);
    expect(await derive(holey)).toEqual(samples);
    for (const [at, sample] of samples.entries()) {
      if (at > 0) expect(compareSamples(samples[at - 1]!, sample)).toBeLessThan(0);
      expect(sample.leafIndex).toBeLessThan(sample.lengthBytes / 1024);
      expect(Number.parseInt(sample.packId.slice(-4), 16) % 3).not.toBe(0); // never a hole
    }
    expect(samples.length).toBeGreaterThan(DRAWN_LEAVES - 20);
    expect(samples.length).toBeLessThanOrEqual(DRAWN_LEAVES);
  });
  test('do not depend on how look-ups are batched: more leaves begin with the fewer', async () => {
    const few = await derive(holey, { count: 40, agreements: [] });
    const many = await derive(holey, { count: 41, agreements: [] });
    expect(many).toEqual(expect.arrayContaining(few));
  });
  test('are others under another secret, nonce, period or node', async () => {
    const before = JSON.stringify(await derive(holey));
    const others: Partial<SampleRequest>[] = [
      { nonce: challengeNonce(period, 1) },
      { period: { ...period, secret: new Uint8Array(32).fill(6) } },
      { period: { ...period, periodStartMs: period.periodStartMs + 3_600_000 } },
      { period: { ...period, nodeId: 'ab'.repeat(32) } },
    ];
    for (const other of others) expect(JSON.stringify(await derive(holey, other))).not.toBe(before);
  });
  test('hit each shard by its bytes', async () => {
    const lines = linesOf([shard(0, 1), undefined, shard(1, 3), shard(2, 12)]);
    const hits = [0, 0, 0];
    for (let number = 0; number < 300; number += 1) {
      for (const sample of await derive(lines, { count: 4, nonce: challengeNonce(period, number), agreements: [] })) {
        hits[Number.parseInt(sample.packId, 16)]! += 1;
      }
    }
    // 1200 draws, of which a few coincide; expected 75, 225, 900; the bounds are five standard deviations off
    expect(hits[0]).toBeGreaterThan(32);
    expect(hits[0]).toBeLessThan(118);
    expect(hits[1]).toBeGreaterThan(157);
    expect(hits[1]).toBeLessThan(293);
  });
  test('cost a fixed handful of look-ups, whatever the size', async () => {
    const pack = shard(7, 128);
    const huge = 10_000_000 * 128 * GROUP_LEAVES; // ten million shards of 8 MiB
    let asked = 0;
    const lines: ShardLines = {
      onNode(positions) {
        asked += 1;
        return Promise.resolve(
          // every second shard is a hole
          positions.map((position) => {
            const number = Math.floor(position / (128 * GROUP_LEAVES));
            const span = { ...pack, packId: hex(number, 32), startLeaf: number * 128 * GROUP_LEAVES };
            return number % 2 === 0 ? span : undefined;
          }),
        );
      },
      inAgreements: (places) => Promise.resolve(places.map(() => undefined)),
    };
    const samples = await deriveSamples(request(linesOf([]), { lineLeaves: huge }), lines);
    expect(samples.length).toBe(DRAWN_LEAVES);
    expect(asked).toBeLessThan(12);
  });
  test('of a small node are all its leaves, each asked once', async () => {
    const samples = await derive(linesOf([shard(1, 1)]));
    expect(samples.length).toBeLessThanOrEqual(GROUP_LEAVES);
    expect(samples.length).toBeGreaterThan(GROUP_LEAVES - 5);
  });
  test('of an empty node are none; of a line of holes alone they are refused', async () => {
    expect(await derive(linesOf([]))).toEqual([]);
    await expect(derive(linesOf([undefined]))).rejects.toMatchObject({ code: 'codec.bad-argument' });
  });
  test('are refused when a look-up answers with another place', async () => {
    const lines = linesOf([shard(1, 1)]);
    const wrong = {
      ...lines,
      onNode: (positions: readonly number[]) =>
        Promise.resolve(positions.map(() => ({ ...shard(1, 1), startLeaf: 64 }))),
    };
    await expect(deriveSamples(request(lines), wrong)).rejects.toMatchObject({ code: 'codec.bad-argument' });
  });
});

describe('each agreement', () => {
  const big = shard(0, 1000, 'big');
  const small = Array.from({ length: 50 }, (_, at) => shard(at + 1, 1, `small ${at}`));
  const lines = linesOf([big, ...small]);

  test('shows a leaf, also one that the draws by bytes missed', async () => {
    const samples = await derive(lines, { count: 20 });
    for (const { packId } of [big, ...small]) expect(samples.some((sample) => sample.packId === packId)).toBe(true);
    expect(samples.length).toBeLessThanOrEqual(20 + 51);
    expect(samples.filter(({ reason }) => reason === 'agreement').length).toBeGreaterThan(40);
  });
  test('prefers shards that were not shown for long, and frees none', async () => {
    const own = linesOf([big, ...Array.from({ length: 4 }, (_, at) => shard(at + 1, 1, 'own'))]);
    const shown = new Map<string, number>();
    const aged: ShardLines = {
      onNode: () => Promise.resolve(Array.from({ length: 30 }, () => ({ ...big, startLeaf: 0 }))),
      inAgreements: async (places) =>
        (await own.inAgreements(places)).map((span) =>
          span === undefined ? undefined : { ...span, unshownPeriods: span.packId === hex(1, 32) ? 0 : 9 },
        ),
    };
    const only = { agreements: [{ agreementId: 'own', lineLeaves: 256 }], count: 1, lineLeaves: 1 };
    for (let number = 0; number < 1500; number += 1) {
      const samples = await deriveSamples(request(own, { ...only, nonce: challengeNonce(period, number) }), aged);
      const { packId } = samples.find(({ reason }) => reason === 'agreement')!;
      shown.set(packId, (shown.get(packId) ?? 0) + 1);
    }
    const counts = [1, 2, 3, 4].map((number) => shown.get(hex(number, 32)) ?? 0);
    expect(counts[0]).toBeGreaterThan(5); // never free
    for (const count of counts.slice(1)) expect(count).toBeGreaterThan(3 * counts[0]!);
  });
  test('has its turn at least once a day', () => {
    expect(agreementsDue(0, 24)).toBe(0);
    expect(agreementsDue(100, 24)).toBe(AGREEMENTS_EACH_PERIOD);
    expect(agreementsDue(101, 24)).toBe(AGREEMENTS_EACH_PERIOD);
    expect(agreementsDue(24_000, 24)).toBe(1000);
    expect(agreementsDue(24_001, 24)).toBe(1001);
    expect(agreementsDue(5000, 0)).toBe(5000);
  });
});

describe('leaves carried over', () => {
  const leaf = (pack: number, leafIndex: number): Sample => ({ ...shard(pack, 128), leafIndex, reason: 'drawn' });

  test('come on top of the fresh ones, each once', () => {
    const all = withCarried([leaf(1, 5), leaf(3, 1)], [leaf(2, 9), leaf(1, 5), leaf(2, 9)]);
    expect(all.map(({ packId, leafIndex, reason }) => [Number.parseInt(packId, 16), leafIndex, reason])).toEqual([
      [1, 5, 'drawn'],
      [2, 9, 'carried'],
      [3, 1, 'drawn'],
    ]);
  });
  test('are the oldest ones, so that silence gets rid of none of them', () => {
    const unanswered = Array.from({ length: 3 * MAX_CARRIED_LEAVES }, (_, at) =>
      leaf(Math.floor(at / 1000), at % 1000),
    );
    const all = withCarried([leaf(99, 0)], unanswered);
    expect(all.length).toBe(MAX_CARRIED_LEAVES + 1);
    expect(all.slice(0, -1).map(({ packId, leafIndex }) => [packId, leafIndex])).toEqual(
      unanswered.slice(0, MAX_CARRIED_LEAVES).map(({ packId, leafIndex }) => [packId, leafIndex]),
    );
  });
});
