import { expect, test } from '@jest/globals';
import { checkDraw, type RevealedDraw } from './check-draw.ts';
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
