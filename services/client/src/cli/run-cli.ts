/** From arguments to an exit status: loads what the command needs, handles Ctrl-C, and tells errors in two sentences. */
import { CommanderError } from 'commander';
import type { Cli } from './cli.ts';
import { Console, type InputStream, type OutputStream } from './console.ts';
import { type GlobalOptions, isShown, runProgram } from './program.ts';

export interface CliOptions {
  readonly argv: readonly string[];
  readonly input: InputStream;
  readonly output: OutputStream & Pick<NodeJS.EventEmitter, 'on'>;
  readonly errors: OutputStream;
  readonly signals: Pick<NodeJS.EventEmitter, 'on' | 'off'>;
  /** Ends the process at once. */
  readonly exit: (code: number) => void;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The exit status; never rejects. */
export async function runCli(options: CliOptions): Promise<number> {
  const { argv, output, environment } = options;
  // Whoever read our output may go (`holdfast ls | head`): what is under way stops, and there is nobody to tell.
  output.on('error', () => undefined);
  let exitCode = 0;
  let console = makeConsole(options, 'holdfast', { json: argv.includes('--json') });
  try {
    await runProgram({
      argv,
      output,
      runVerb: (name, globals) => async (work) => {
        console = makeConsole(options, name, globals);
        exitCode = (await runWork(options, globals, console, work)) ?? 0;
      },
    });
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError && isShown(error)) return 0;
    const { showError } = await import('./show-error.ts');
    return showError(console, error, { argv, debug: isTrue(environment['HOLDFAST_DEBUG']) });
  }
}

async function runWork(
  options: CliOptions,
  globals: GlobalOptions,
  console: Console,
  work: (cli: Cli) => Promise<number | void>,
): Promise<number | void> {
  const { createLogger, systemClock, systemRandomness } = await import('@holdfast/platform');
  const { createNoteLogger } = await import('./log-notes.ts');
  const { readSettings } = await import('./settings.ts');
  const { fail } = await import('@holdfast/protocol');
  const settings = readSettings(options.environment, globals.home);
  const logger = settings.debug ? createLogger({ service: 'holdfast', level: 'debug' }) : createNoteLogger(console);
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(fail('client.interrupted'));
  const onSignal = (): void => {
    if (stopping.signal.aborted) options.exit(130);
    console.ask('Stopping … (once more to stop at once)\n');
    stop();
  };
  options.output.on('error', stop);
  for (const signal of ['SIGINT', 'SIGTERM']) options.signals.on(signal, onSignal);
  try {
    return await work({
      home: settings.home,
      settings,
      console,
      signal: stopping.signal,
      clock: systemClock,
      randomness: systemRandomness,
      logger,
    });
  } catch (error) {
    // However the work noticed that it should stop, it was stopped.
    throw stopping.signal.aborted ? fail('client.interrupted', {}, error) : error;
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM']) options.signals.off(signal, onSignal);
  }
}

function makeConsole(
  { input, output, errors, environment }: CliOptions,
  command: string,
  { json = false, jsonProgress = false, quiet = false }: GlobalOptions,
): Console {
  return new Console({
    input,
    output,
    errors,
    command,
    json: json || jsonProgress,
    jsonProgress,
    quiet,
    noColor: (environment['NO_COLOR'] ?? '') !== '',
  });
}

const isTrue = (text = ''): boolean => ['1', 'true', 'yes', 'on'].includes(text.toLowerCase());
