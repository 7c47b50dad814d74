/** The one catalogue of errors: a stable code, a sentence that says what to do next, an HTTP status, an exit code. */
import { CATALOGUE } from './error-catalogue.ts';

export interface ErrorEntry {
  /** What went wrong, with `{name}` where a parameter goes. */
  readonly message: string;
  /** What the reader should do next. */
  readonly next: string;
  readonly httpStatus: number;
  /** Exit status of a command that ends with this error; see EXIT_CODES. */
  readonly exitCode: number;
}

export type ErrorCode = keyof typeof CATALOGUE;

/** application/problem+json (RFC 9457) as all services send it. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  code: string;
  detail: string;
  next: string;
  params?: Record<string, string>;
}

export type ErrorParams = Record<string, string | number | bigint>;

export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly next: string;
  readonly httpStatus: number;
  readonly exitCode: number;
  readonly params: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, params: ErrorParams = {}, cause?: unknown) {
    const entry: ErrorEntry = CATALOGUE[code];
    const texts = Object.fromEntries(Object.entries(params).map(([key, value]) => [key, String(value)]));
    super(fill(entry.message, texts), cause === undefined ? undefined : { cause });
    this.name = 'HoldfastError';
    this.code = code;
    this.next = fill(entry.next, texts);
    this.httpStatus = entry.httpStatus;
    this.exitCode = entry.exitCode;
    this.params = texts;
  }

  toProblem(): Problem {
    return {
      type: `urn:holdfast:error:${this.code}`,
      title: CATALOGUE[this.code].message.replace(/\{(\w+)\}/g, '…'),
      status: this.httpStatus,
      code: this.code,
      detail: this.message,
      next: this.next,
      ...(Object.keys(this.params).length > 0 ? { params: { ...this.params } } : {}),
    };
  }
}

/** Builds (does not throw) an error of the catalogue: `throw fail('grant.expired', { … })`. */
export const fail = (code: ErrorCode, params?: ErrorParams, cause?: unknown): HoldfastError =>
  new HoldfastError(code, params, cause);

export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(CATALOGUE, code);

/** An error received as problem+json, back as the error that the other side meant; unknown codes become `remote.unexpected`. */
export function errorFromProblem(problem: unknown, from: string): HoldfastError {
  const { code, params, detail } = (problem ?? {}) as Record<string, unknown>;
  if (typeof code === 'string' && isErrorCode(code)) return new HoldfastError(code, remoteParams(params));
  const said = typeof detail === 'string' ? detail : 'no details given';
  return fail('remote.unexpected', { from, detail: printable(said) });
}

/** What the other side says is shown to people: only text, bounded, without control characters. */
const remoteParams = (params: unknown): Record<string, string> =>
  Object.fromEntries(
    Object.entries(params ?? {})
      .filter((pair): pair is [string, string] => typeof pair[1] === 'string')
      .slice(0, 16)
      .map(([key, value]) => [key, printable(value)]),
  );

const printable = (text: string): string => text.slice(0, 300).replace(/[\u0000-\u001f\u007f-\u009f]/g, ' ');

const fill = (text: string, params: Record<string, string>): string =>
  text.replace(/\{(\w+)\}/g, (_, name: string) => params[name] ?? '?');
