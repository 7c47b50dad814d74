/** What every command is given. */
import type { Clock, Logger, Randomness } from '@holdfast/platform';
import type { Console } from './console.ts';
import type { CliSettings } from './settings.ts';

export interface Cli {
  readonly home: string;
  readonly settings: CliSettings;
  readonly console: Console;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger: Logger;
}
