/** Starting and stopping a process: what was opened last is closed first, once, and within a bounded time. */
import { errorText } from './errors.ts';
import type { Logger } from './log.ts';

export interface Lifecycle {
  /** Adds something to close. When closing has begun already, it is closed at once. */
  onClose(name: string, close: () => void | Promise<void>): void;
  /** Aborted as soon as closing begins: pass it to sleeps, requests and loops. */
  readonly closing: AbortSignal;
  /**
   * Closes everything in reverse order; further calls wait for the same end. Never rejects: true when all went well in
   * time.
   */
  close(reason: string): Promise<boolean>;
  /** Resolves with the same value when everything is closed, whoever asked for it. */
  readonly closed: Promise<boolean>;
  /**
   * SIGINT and SIGTERM close and then exit with 0 (1 when something failed or the time ran out); a second signal exits
   * at once with 128 + its number. Returns a function that stops listening.
   */
  handleSignals(): () => void;
}

export interface LifecycleOptions {
  readonly logger: Logger;
  /** For all closers together; default 20 s. */
  readonly timeoutMs?: number;
  /** For tests. */
  readonly signals?: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
  readonly exit?: (code: number) => void;
}

const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;
const DEFAULT_TIMEOUT_MS = 20_000;

interface Closer {
  readonly name: string;
  readonly close: () => void | Promise<void>;
}

export function createLifecycle(options: LifecycleOptions): Lifecycle {
  const { logger, timeoutMs = DEFAULT_TIMEOUT_MS } = options;
  const closers: Closer[] = [];
  const closing = new AbortController();
  const { promise: closed, resolve: tellClosed } = Promise.withResolvers<boolean>();
  let closingRun: Promise<boolean> | undefined;

  const runCloser = async ({ name, close }: Closer): Promise<boolean> => {
    try {
      await close();
      return true;
    } catch (error) {
      logger.error({ err: error, part: name }, `closing ${name} failed: ${errorText(error)}`);
      return false;
    }
  };

  const closeAll = async (): Promise<boolean> => {
    let allWell = true;
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) {
      current = closer.name;
      allWell = (await runCloser(closer)) && allWell;
    }
    return allWell;
  };
  let current = '';

  const close = (reason: string): Promise<boolean> => {
    closingRun ??= (async () => {
      logger.info({ reason }, 'stopping');
      closing.abort(new Error(`stopping: ${reason}`));
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<boolean>((resolve) => {
        timer = setTimeout(() => {
          logger.error({ part: current, timeoutMs }, `${current} did not close in time`);
          resolve(false);
        }, timeoutMs);
      });
      const allWell = await Promise.race([closeAll(), timeout]);
      clearTimeout(timer);
      tellClosed(allWell);
      return allWell;
    })();
    return closingRun;
  };

  const handleSignals = (): (() => void) => {
    const signals = options.signals ?? process;
    const exit = options.exit ?? ((code: number) => process.exit(code));
    let asked = false;
    const onSignal = (signal: keyof typeof SIGNAL_NUMBERS): void => {
      if (asked) {
        exit(128 + SIGNAL_NUMBERS[signal]);
        return;
      }
      asked = true;
      void close(signal).then((allWell) => exit(allWell ? 0 : 1));
    };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) signals.on(signal, onSignal);
    return () => {
      for (const signal of ['SIGINT', 'SIGTERM'] as const) signals.off(signal, onSignal);
    };
  };

  return {
    onClose(name, closeIt) {
      if (closing.signal.aborted) void runCloser({ name, close: closeIt });
      else closers.push({ name, close: closeIt });
    },
    closing: closing.signal,
    close,
    closed,
    handleSignals,
  };
}
