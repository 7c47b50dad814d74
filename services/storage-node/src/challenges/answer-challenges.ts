/**
 * Answers challenges in the background of serving: one at a time, so that memory holds one answer. Keeps nothing: what was
 * not answered is asked again by the mediator, and answered again.
 */
import type { Clock, Logger } from '@holdfast/platform';
import {
  buildProof,
  type OpenChallenge,
  openChallenge,
  type ShardReader,
  type SigningContext,
  type SigningKey,
} from '@holdfast/protocol';
import type { ShardName } from '../shards/index.ts';

export interface AnswerOptions {
  readonly nodeId: string;
  readonly signing: SigningContext;
  readonly key: SigningKey;
  readonly store: { proofReader(): ShardReader; examine(name: ShardName): Promise<void> };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where the answer goes; rejects when the mediator did not take it. */
export type ShowProof = (challengeId: string, frame: Uint8Array) => Promise<void>;

export interface Challenges {
  /** Takes a challenge to answer; the same one again while it is being answered is nothing new. */
  take(token: string, show: ShowProof): void;
  /** Resolves when nothing is under way. Takes no more. */
  stop(): Promise<void>;
}

/** More than wait normally (one); the mediator asks the rest again. */
const MAX_WAITING = 8;

export function createChallenges(options: AnswerOptions): Challenges {
  const { logger } = options;
  const reader = options.store.proofReader();
  const taken = new Set<string>();
  let running: Promise<void> = Promise.resolve();
  let isStopping = false;

  return {
    take(token, show) {
      let challenge: OpenChallenge;
      try {
        challenge = openChallenge(options.signing, token, options.nodeId);
      } catch (error) {
        logger.warn({ err: error }, 'the mediator sent a challenge that is none');
        return;
      }
      const { challengeId } = challenge.terms;
      if (isStopping || taken.has(challengeId) || taken.size >= MAX_WAITING) return;
      taken.add(challengeId);
      running = running
        .then(() => (isStopping ? undefined : answer(options, reader, challenge, show)))
        .catch((error: unknown) => logger.warn({ err: error, challengeId }, 'a challenge was not answered this time'))
        .finally(() => taken.delete(challengeId));
    },
    async stop() {
      isStopping = true;
      await running;
    },
  };
}

async function answer(
  { signing, key, store, clock, logger }: AnswerOptions,
  reader: ShardReader,
  challenge: OpenChallenge,
  show: ShowProof,
): Promise<void> {
  const { challengeId, deadlineAtMs } = challenge.terms;
  if (clock.nowMs() > deadlineAtMs) {
    logger.warn({ challengeId }, 'a challenge came after its deadline; it is asked again');
    return;
  }
  const { frame, lost } = await buildProof(signing, challenge, reader, key);
  // The answer admits them; the node's own books must say so as well.
  for (const name of lost) await store.examine(name);
  await show(challengeId, frame);
  const detail = { challengeId, leaves: challenge.samples.length, lost: lost.length, bytes: frame.length };
  if (lost.length > 0) logger.warn(detail, 'a challenge was answered; some shards are lost');
  else logger.info(detail, 'a challenge was answered');
}
