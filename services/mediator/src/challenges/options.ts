/** What every use case of challenges is given. */
import type { Clock, Logger, Randomness } from '@holdfast/platform';
import type { SigningContext, SigningKey } from '@holdfast/protocol';
import type { ChallengeStore, FrameArchive, ReadShard, Wake } from './ports.ts';
import type { ChallengeRules } from './rules.ts';
import type { SecretSeal } from './seal-secret.ts';

export interface ChallengesOptions {
  readonly store: ChallengeStore;
  readonly frames: FrameArchive;
  readonly readShard: ReadShard;
  readonly rules: ChallengeRules;
  readonly signer: { readonly context: SigningContext; readonly key: SigningKey };
  readonly seal: SecretSeal;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
  readonly wake: Wake;
  /** A node not heard of for this long counts as offline. */
  readonly offlineAfterMs: number;
}
