/** What every part of the wiring needs. */
import type { Clock, Lifecycle, Logger, Metrics, Randomness } from '@holdfast/platform';
import type { SigningContext } from '@holdfast/protocol';
import type { MediatorKeys } from './adapters/key-files.ts';
import type { DEFAULTS, MediatorOptions } from './options.ts';

export type Settings = MediatorOptions & Required<Pick<MediatorOptions, keyof typeof DEFAULTS>>;

export interface Base {
  readonly settings: Settings;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly lifecycle: Lifecycle;
  readonly metrics: Metrics;
  readonly keys: MediatorKeys;
  readonly context: SigningContext;
}
