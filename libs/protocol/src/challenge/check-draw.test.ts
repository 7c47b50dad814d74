import { describe, expect, test } from '@jest/globals';
import { checkDraw, followDraw, type RevealedDraw } from './check-draw.ts';
import { deriveSamples } from './derive-samples.ts';
import { challengeNonce, periodSecretHash } from './period-secret.ts';
import { type Sample, withCarried } from './samples.ts';
import { challengeOver, linesOf, makeShard, nodeId, sampleOf, terms } from './test-world.ts';

const shards = ['a', 'b', 'c'].map((name, at) => makeShard(`draw ${name}`, at + 1, '1a'.repeat(32), name));
const lines = linesOf(shards);
const period = { secret: new Uint8Array(32).fill(5), nodeId, periodStartMs: terms.periodStartMs };
const nonce = challengeNonce(period);
const said = { secretHash: periodSecretHash(period.secret), nonce, lineLeaves: lines.lineLeaves };
const revealed: RevealedDraw = {
  secret: period.secret,
  number: 0,
  count: 5,
  agreements: [...lines.agreementLeaves].map(([agreementId, lineLeaves]) => ({ agreementId, lineLeaves })),
};
const drawn = (): Promise<Sample[]> =>
  deriveSamples({ period, nonce, lineLeaves: lines.lineLeaves, count: 5, agreements: revealed.agreements }, lines);

test('a challenge that asks for what was drawn is fair, with and without leaves carried over', async () => {
  const samples = await drawn();
  await checkDraw(challengeOver(samples, said), revealed, lines);
  const carried = [sampleOf(shards[0]!, 1), { ...samples[0]!, reason: 'agreement' as const }];
  await checkDraw(challengeOver(withCarried(samples, carried), said), revealed, lines);
});

test('one that asks for other leaves, under another nonce or secret, is not', async () => {
  const samples = await drawn();
  const unfair = [
    challengeOver(samples.slice(1), said),
    challengeOver([...samples, sampleOf(shards[1]!, 127)], said),
    challengeOver(samples, { ...said, nonce: challengeNonce(period, 1) }),
    challengeOver(samples, { ...said, secretHash: '00'.repeat(32) }),
    challengeOver(samples, { ...said, lineLeaves: lines.lineLeaves - 64 }),
    challengeOver(samples, { ...said, periodStartMs: 0 }),
  ];
  for (const challenge of unfair) {
    await expect(checkDraw(challenge, revealed, lines)).rejects.toMatchObject({ code: 'challenge.unfair' });
  }
  const others: Partial<RevealedDraw>[] = [{ secret: new Uint8Array(32) }, { number: 1 }, { count: 4 }];
  for (const other of others) {
    const check = checkDraw(challengeOver(samples, said), { ...revealed, ...other }, lines);
    await expect(check).rejects.toMatchObject({ code: 'challenge.unfair' });
  }
});

describe('from the challenge alone', () => {
  const request = { period, nonce, lineLeaves: lines.lineLeaves, agreements: revealed.agreements };
  const holed = linesOf([shards[0], undefined, shards[1], shards[2], undefined]);
  const over = async (on: typeof lines, count: number) =>
    challengeOver(await deriveSamples({ ...request, lineLeaves: on.lineLeaves, count }, on), {
      ...said,
      lineLeaves: on.lineLeaves,
    });
  const why = (run: () => unknown): string => {
    try {
      run();
    } catch (error) {
      return String((error as { params?: { detail?: unknown } }).params?.detail);
    }
    return 'fair';
  };

  test.each([5, 60, 460])('%i leaves are found where the secret’s numbers fall', async (count) => {
    for (const on of [lines, holed]) {
      const challenge = await over(on, count);
      const drawnLeaves = challenge.samples.filter(({ reason }) => reason === 'drawn').length;
      const followed = followDraw(challenge, period.secret);
      expect(followed.leaves).toBe(drawnLeaves);
      expect(followed.numbers).toBeGreaterThanOrEqual(drawnLeaves);
      if (on === lines) expect(followed.inHoles).toBe(0);
      else if (count > 5) expect(followed.inHoles).toBeGreaterThan(0);
    }
  });

  test('leaves that were carried over or owed by an agreement are left aside', async () => {
    const { samples } = await over(lines, 5);
    const carried = [sampleOf(shards[0]!, 1), sampleOf(shards[2]!, 190)];
    expect(followDraw(challengeOver(withCarried(samples, carried), said), period.secret).leaves).toBe(5);
    const none = [sampleOf(shards[0]!, 1, 'agreement')];
    expect(followDraw(challengeOver(none, said), period.secret)).toEqual({ leaves: 0, numbers: 0, inHoles: 0 });
  });

  test('another leaf, one left out, another place, a shorter line or another secret are not fair', async () => {
    const { samples } = await over(lines, 60);
    const follow = (changed: readonly Sample[], terms = said, secret = period.secret) =>
      why(() => followDraw(challengeOver(changed, terms), secret));
    const at = samples.findIndex(({ reason }) => reason === 'drawn');
    const one = samples[at]!;
    const free = Array.from({ length: 64 }, (_, leafIndex) => leafIndex).find(
      (leafIndex) => !samples.some((sample) => sample.packId === one.packId && sample.leafIndex === leafIndex),
    )!;
    expect(follow(samples)).toBe('fair');
    expect(follow([...samples, { ...one, leafIndex: free }])).toMatch(/not drawn|leaves out/);
    expect(follow(samples.toSpliced(at, 1))).toMatch('leaves out');
    expect(follow(samples.map((sample) => ({ ...sample, lineStart: 0 })))).toMatch('same place');
    expect(follow(samples.map((sample) => ({ ...sample, lineStart: sample.lineStart! + 1 })))).not.toBe('fair');
    expect(follow(samples, { ...said, lineLeaves: lines.lineLeaves - 64 })).not.toBe('fair');
    expect(follow(samples, said, new Uint8Array(32))).not.toBe('fair');
  });

  test('a mediator that passes over most of what was drawn cannot call it all holes', async () => {
    const long = linesOf([...shards, ...Array.from({ length: 30 }, () => undefined)]);
    const challenge = await over(long, 60);
    expect(why(() => followDraw(challenge, period.secret))).toMatch('holes');
  });
});
