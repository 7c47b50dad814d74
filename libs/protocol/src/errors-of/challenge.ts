/** Errors of challenges, proofs and verdicts. */
import { entry } from './entry.ts';

export const CHALLENGE_ERRORS = {
  'proof.invalid': entry(
    422,
    'integrity',
    'The proof does not match: {detail}',
    'Show a proof made from the shard itself.',
  ),
  'proof.malformed': entry(
    400,
    'integrity',
    'A proof is malformed: {detail}',
    'Update both sides to the same version; the challenge can still be answered until its deadline.',
  ),
  'proof.wrong-challenge': entry(
    409,
    'integrity',
    'The proof answers another challenge, or another node made it.',
    'Answer the challenge that is open, with the key of the node that it names.',
  ),
  'challenge.not-for-us': entry(
    409,
    'refused',
    'The challenge is for node {nodeId}.',
    'Check that no two nodes use one connection or one data directory.',
  ),
  'challenge.unfair': entry(
    422,
    'integrity',
    'The challenge is not what the secret of its period says: {detail}',
    'Keep the challenge and the revealed secret and show them to the admin of the mediator: together they are evidence.',
  ),
  'challenge.unknown': entry(
    404,
    'refused',
    'There is no challenge {challengeId} for this node.',
    'Answer the challenges that this mediator sent; a data directory belongs to one mediator.',
  ),
  'challenge.closed': entry(
    409,
    'refused',
    'Challenge {challengeId} takes no answers any more: {detail}',
    'Nothing to do: what was not answered is asked again. When it happens often, look at the speed of disk and line.',
  ),
  'verdict.unjust': entry(
    422,
    'integrity',
    'The verdict does not follow from its transcript: {detail}',
    'Keep the transcript and show it to the admin of the mediator: it is signed evidence.',
  ),
} as const;
