/**
 * The one error that this library throws: a code, a sentence that says what is wrong, and one that says what to do
 * next.
 */

/**
 * Codes start with the part they come from: `config.*`, `file.*`, `postgres.*`, `tls.*`.
 * Print `message` and then `next`.
 */
export class PlatformError extends Error {
  readonly code: string;
  /** What the reader can do about it: one sentence. */
  readonly next: string;

  constructor(code: string, problem: string, next: string, options?: { cause?: unknown }) {
    super(problem, options);
    this.name = 'PlatformError';
    this.code = code;
    this.next = next;
  }
}

/** The `code` of a Node system error (`ENOENT`, `EADDRINUSE` ...), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A short text for an unknown thrown value. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
