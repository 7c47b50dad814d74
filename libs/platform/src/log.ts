/** JSON logs through pino, with secrets taken out wherever they stand; one-liners when a person reads them. */
import { pino, type Logger } from 'pino';
import { formatLogLine } from './log-line.ts';
import { redactLine, toReadable } from './log-redaction.ts';

export type { Logger };

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent';
export const LOG_LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

/** Anything that takes finished lines, newline included. */
export interface LogDestination {
  write(line: string): unknown;
  readonly isTTY?: boolean;
}

export interface LoggerOptions {
  /** Stands in every line as `service`. */
  readonly service: string;
  /** Default `info`. */
  readonly level?: LogLevel;
  /** Default: standard error, so that standard output stays the program's own. */
  readonly destination?: LogDestination;
  /** `json`, `pretty`, or `auto` (the default): pretty on a terminal. */
  readonly format?: 'json' | 'pretty' | 'auto';
}

/**
 * A pino logger. Fields whose names speak of secrets (authorization, grant, signature, password, passphrase, seed,
 * mnemonic, words, token, cookie, private and secret keys) are replaced at any depth, also in errors; bytes are shown
 * only by their number; passwords inside URLs are cut out.
 */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? process.stderr;
  const format = options.format ?? 'auto';
  const pretty = format === 'pretty' || (format === 'auto' && destination.isTTY === true);
  return pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service },
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => toReadable(fields),
      },
      // errors are made readable above, whatever their field is called
      serializers: { err: (error: unknown) => error },
      hooks: { streamWrite: redactLine },
    },
    {
      write: (line: string) => void destination.write(pretty ? formatLogLine(line, destination.isTTY === true) : line),
    },
  );
}

/** Logs nothing. */
export function createSilentLogger(): Logger {
  return pino({ level: 'silent' });
}

export interface CapturedLog {
  readonly logger: Logger;
  /** What was logged so far, parsed; fields as they would have been written. */
  records(): Record<string, unknown>[];
  /** The same as text. */
  text(): string;
}

/** For tests: keeps every line in memory. */
export function createCapturedLogger(level: LogLevel = 'trace'): CapturedLog {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  return {
    logger: createLogger({ service: 'test', level, destination, format: 'json' }),
    records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
    text: () => lines.join(''),
  };
}
