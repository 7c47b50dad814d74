/** Errors as people and programs read them: what happened with its code, and what to do next. */
import { EXIT_CODES, fail, HoldfastError } from '@holdfast/protocol';
import { PlatformError, systemErrorCode } from '@holdfast/platform';
import { CommanderError } from 'commander';
import type { Console } from './console.ts';
import { VERBS } from './verbs.ts';

export interface ShownError {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly exitCode: number;
  readonly params?: Readonly<Record<string, string>>;
}

/** Shows it, and answers the exit status. */
export function showError(
  console: Console,
  error: unknown,
  { argv, debug }: { argv: readonly string[]; debug: boolean },
): number {
  const shown = describeError(error, argv);
  if (console.isJson) {
    console.error({ ...shown });
  } else {
    const stop = /[.?!…]["”’)]?$/.test(shown.message) ? '' : '.';
    console.ask(`holdfast: ${shown.message}${stop} [${shown.code}]\n${shown.next}\n`);
  }
  if (debug) console.ask(`${error instanceof Error ? inDetail(error) : String(error)}\n`);
  return shown.exitCode;
}

export function describeError(error: unknown, argv: readonly string[] = []): ShownError {
  if (error instanceof CommanderError) return describeError(usageError(error, argv));
  if (error instanceof HoldfastError) {
    const { code, message, exitCode, params } = error;
    // Where a parameter is empty.
    const next = error.next.replace(/ {2,}/g, ' ');
    return { code, message, next, exitCode, ...(Object.keys(params).length > 0 ? { params } : {}) };
  }
  if (error instanceof PlatformError) {
    const { code, message, next } = error;
    return { code, message, next, exitCode: platformExitCode(code) };
  }
  return systemError(error) ?? unexpected(error);
}

const PLATFORM_EXIT_CODES: readonly (readonly [prefix: string, exit: keyof typeof EXIT_CODES])[] = [
  ['config.', 'usage'],
  ['file.locked', 'refused'],
  ['tls.fingerprint-invalid', 'usage'],
  ['tls.unreachable', 'unavailable'],
  ['tls.timeout', 'unavailable'],
  ['tls.closed', 'unavailable'],
  ['tls.', 'integrity'],
];

function platformExitCode(code: string): number {
  const found = PLATFORM_EXIT_CODES.find(([prefix]) => code.startsWith(prefix));
  return EXIT_CODES[found?.[1] ?? 'failure'];
}

/** `error: unknown option '--polcy'\n(Did you mean --policy?)` → one sentence. */
function usageError(error: CommanderError, argv: readonly string[]): HoldfastError {
  const detail = error.message
    .replace(/^error: /, '')
    .replace(/\s*\n\s*\(Did you mean (.*)\?\)\s*$/s, '; did you mean $1?')
    .replaceAll('\n', ' ')
    .trim();
  const sentence = `${detail.charAt(0).toUpperCase()}${detail.slice(1)}${/[.?!]$/.test(detail) ? '' : '.'}`;
  const verb = argv.find((word) => VERBS.some(({ name }) => name === word));
  const command = error.code === 'commander.unknownCommand' ? '' : (verb ?? '');
  return fail('client.usage', { detail: sentence, command }, error);
}

const SYSTEM_ERRORS: Readonly<Record<string, { next: string; exit: keyof typeof EXIT_CODES }>> = {
  EACCES: { next: 'Check the permissions of that path, or run as a user who has them.', exit: 'refused' },
  EPERM: { next: 'Check the permissions of that path, or run as a user who has them.', exit: 'refused' },
  ENOENT: { next: 'Check the path.', exit: 'usage' },
  ENOTDIR: { next: 'Check the path: a part of it is no directory.', exit: 'usage' },
  EISDIR: { next: 'Name a file, not a directory.', exit: 'usage' },
  EEXIST: { next: 'Choose another name, or move that file away.', exit: 'usage' },
  EROFS: { next: 'Choose a place that can be written.', exit: 'refused' },
  ENOSPC: { next: 'Make room on that disk, then run the command again.', exit: 'refused' },
  EDQUOT: { next: 'Make room within the quota of that disk, then run the command again.', exit: 'refused' },
  EIO: { next: 'Look at the disk: it does not read or write any more.', exit: 'failure' },
  EMFILE: { next: 'Allow more open files (ulimit -n), then run the command again.', exit: 'failure' },
};

function systemError(error: unknown): ShownError | undefined {
  const code = systemErrorCode(error) ?? '';
  const known = SYSTEM_ERRORS[code];
  if (known === undefined) return undefined;
  const { path, message } = error as NodeJS.ErrnoException;
  const said = /^[A-Z]+: ([^,]+)/.exec(message)?.[1] ?? message;
  const sentence = path === undefined ? `${said}.` : `${path}: ${said}.`;
  return { code, message: sentence, next: known.next, exitCode: EXIT_CODES[known.exit] };
}

function unexpected(error: unknown): ShownError {
  const said = error instanceof Error ? error.message.split('\n', 1)[0]! : String(error);
  return {
    code: 'internal.unexpected',
    message: `Something unexpected happened: ${said.replace(/\.$/, '')}.`,
    next: 'Run it again with HOLDFAST_DEBUG=1 to see where; if that does not help, report it with what it says.',
    exitCode: EXIT_CODES.failure,
  };
}

function inDetail(error: Error): string {
  const cause = error.cause instanceof Error ? `\ncaused by ${inDetail(error.cause)}` : '';
  return `${error.stack ?? error.message}${cause}`;
}
