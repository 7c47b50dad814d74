/** What an entry of the catalogue is made of, and the exit statuses that entries end a command with. */
import type { ErrorEntry } from '../errors.ts';

/** Exit statuses of the commands (documented in docs/cli.md). */
export const EXIT_CODES = {
  ok: 0,
  /** Something unexpected; a bug or an environment that we don't know. */
  failure: 1,
  /** The command line or the configuration is wrong. */
  usage: 2,
  /** Done, but some files could not be read or restored; each was reported. */
  incomplete: 3,
  /** The other side is away; try again later, nothing is lost. */
  unavailable: 4,
  /** Refused: rights, money, space or policy. */
  refused: 5,
  /** Data or a signature does not match what it should be. */
  integrity: 6,
  /** A check found that everything can be read, but some of it with fewer shards than it should have. */
  weaker: 7,
  /** A check found data that cannot be read. */
  lost: 8,
  /** Stopped by the user. */
  interrupted: 130,
} as const;

export const entry = (
  httpStatus: number,
  exit: keyof typeof EXIT_CODES,
  message: string,
  next: string,
): ErrorEntry => ({
  message,
  next,
  httpStatus,
  exitCode: EXIT_CODES[exit],
});
