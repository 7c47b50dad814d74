/** After a period, with its secret revealed: whether a challenge asked for what it had to, no more and no less. */
import { fail } from '../errors.ts';
import { type DueAgreement, deriveSamples, type ShardLines } from './derive-samples.ts';
import type { OpenChallenge } from './issue-challenge.ts';
import { challengeNonce, periodSecretHash } from './period-secret.ts';
import type { Sample } from './samples.ts';

export interface RevealedDraw {
  /** 32 bytes. */
  readonly secret: Uint8Array;
  /** Which challenge of the node in this period, from 0. */
  readonly number: number;
  /** Leaves drawn from all bytes. */
  readonly count: number;
  /** Those that owed a leaf. */
  readonly agreements: readonly DueAgreement[];
}

/**
 * Draws the leaves of a challenge again, from the lines as they were then. Leaves carried over are not looked at: they are
 * those of challenges before.
 * @throws HoldfastError `challenge.unfair` when it asked for anything else.
 */
export async function checkDraw(challenge: OpenChallenge, revealed: RevealedDraw, lines: ShardLines): Promise<void> {
  const { nodeId, periodStartMs, secretHash, nonce, lineLeaves } = challenge.terms;
  const { secret, number, count, agreements } = revealed;
  const period = { secret, nodeId, periodStartMs };
  if (periodSecretHash(secret) !== secretHash) throw fail('challenge.unfair', { detail: 'it is another secret' });
  if (challengeNonce(period, number) !== nonce) throw fail('challenge.unfair', { detail: 'its nonce is another' });
  const expected = await deriveSamples({ period, nonce, lineLeaves, count, agreements }, lines);
  const asked = challenge.samples.filter(({ reason }) => reason !== 'carried');
  if (namesOf(asked) !== namesOf(expected)) throw fail('challenge.unfair', { detail: 'its leaves are others' });
}

const namesOf = (samples: readonly Sample[]): string =>
  samples
    .map(({ clientId, packId, shardIndex, lengthBytes, leafIndex, reason }) =>
      [clientId, packId, shardIndex, lengthBytes, leafIndex, reason].join(' '),
    )
    .join('\n');
