/** The command line as people and scripts run it: with pipes, or on a terminal of its own, where somebody types. */
import { deepEqual, equal } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { runCli as runCommand } from '@holdfast/client/cli';

export type JsonLine = Readonly<Record<string, unknown>> & { readonly type: string };

export interface CliRun {
  /** The exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
  /** Standard output as JSON lines; throws for one that is none. */
  lines(): JsonLine[];
}

export interface CliOptions {
  readonly home: string;
  readonly passphraseFile?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** What stands on standard input; nothing by default. */
  readonly input?: string;
  /** Told each piece of standard output, with the process: to stop it at some point. */
  readonly onOutput?: (text: string, child: ChildProcess) => void;
}

const MAIN = fileURLToPath(new URL('../services/client/src/main.ts', import.meta.url));
const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning', '--conditions=@holdfast/source', MAIN];

/** A question that was not foreseen would be waited for without end. */
const TERMINAL_TIMEOUT_MS = 120_000;

const environmentOf = ({ home, passphraseFile, environment }: CliOptions): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  ...(process.env['NODE_COMPILE_CACHE'] && { NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] }),
  HOLDFAST_HOME: home,
  ...(passphraseFile === undefined ? {} : { HOLDFAST_PASSPHRASE_FILE: passphraseFile }),
  ...environment,
});

/** Runs `holdfast …` with pipes. */
export async function runCli(options: CliOptions, ...args: string[]): Promise<CliRun> {
  const child = spawn(process.execPath, [...NODE_OPTIONS, ...args], { env: environmentOf(options) });
  child.stdin.end(options.input ?? '');
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    output += piece;
    options.onOutput?.(piece, child);
  });
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (errors += piece));
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, output, errors, lines: () => linesOf(output) };
}

const linesOf = (output: string): JsonLine[] =>
  output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as JsonLine);

/**
 * Runs `holdfast …` in this process, which takes a tenth of the time: for what it says and does, where there is much of it. That a
 * process hands its status and its lines on is seen in all others.
 */
export async function runCliHere(options: CliOptions, ...args: string[]): Promise<CliRun> {
  const [output, errors] = [new Collector(), new Collector()];
  const status = await runCommand({
    argv: args,
    input: Readable.from(options.input === undefined ? [] : [Buffer.from(options.input)]),
    output,
    errors,
    signals: process,
    exit: (code) => process.exit(code),
    environment: environmentOf(options),
  });
  return { status, output: output.text, errors: errors.text, lines: () => linesOf(output.text) };
}

class Collector extends Writable {
  text = '';

  override _write(piece: Buffer, _encoding: string, done: () => void): void {
    this.text += String(piece);
    done();
  }
}

/** When `asked` is on the screen, `answer` is typed. */
export interface Typing {
  readonly asked: string;
  readonly answer: string;
}

/** Runs `holdfast …` on a pseudo-terminal of 100 columns (by util-linux's `script`). `screen` is all that was written to it. */
export async function runOnTerminal(
  options: CliOptions,
  typings: readonly Typing[],
  ...args: string[]
): Promise<{ status: number | null; screen: string }> {
  const quoted = [process.execPath, ...NODE_OPTIONS, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const command = `stty cols 100 rows 30; exec ${quoted.join(' ')}`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    env: { ...environmentOf(options), SHELL: '/bin/sh', TERM: 'xterm' },
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: TERMINAL_TIMEOUT_MS,
  });
  let screen = '';
  let seenUntil = 0;
  const waiting = [...typings];
  child.stdout.setEncoding('utf8').on('data', (piece: string) => {
    screen += piece;
    const [next] = waiting;
    if (next === undefined) return;
    const at = screen.indexOf(next.asked, seenUntil);
    if (at < 0) return;
    waiting.shift();
    seenUntil = at + next.asked.length;
    child.stdin.write(`${next.answer}\r`);
  });
  const [status] = (await once(child, 'close')) as [number | null];
  return { status, screen: screen.replaceAll('\r\n', '\n') };
}

const page = readFileSync(new URL('../docs/cli.md', import.meta.url), 'utf8');

/** The fields of a verb's result that docs/cli.md names, without those inside of them. */
function documentedFields(verb: string): string[] {
  const section = page.split(/^## /m).find((text) => text.startsWith(`\`holdfast ${verb}\``)) ?? '';
  const said = /^Result: (.*)$/m.exec(section)?.[1] ?? '';
  return [...said.replace(/\([^)]*\)/g, '').matchAll(/`(\w+)`/g)].map(([, name]) => name!);
}

/** The result's fields: one result, the last line, and nothing in it that the documentation doesn't name. */
export function resultOf(run: CliRun, verb: string): JsonLine {
  const lines = run.lines();
  const last = lines.at(-1)!;
  const { type, command, ...fields } = last;
  deepEqual([type, command], ['result', verb], `${run.output}${run.errors}`);
  equal(lines.filter((line) => line.type === 'result').length, 1);
  const documented = documentedFields(verb);
  const unknown = Object.keys(fields).filter((name) => !documented.includes(name));
  deepEqual(unknown, [], `docs/cli.md does not name these fields of the result of ${verb}`);
  return last;
}

/** Fails unless the command ended with this error, told as one line at the end. */
export async function expectError(
  options: CliOptions,
  args: readonly string[],
  code: string,
  status: number,
): Promise<JsonLine> {
  const run = await runCliHere(options, '--json', ...args);
  const line = run.lines().at(-1)!;
  const said = [line.type, line['code'], line['exitCode'], run.status, run.errors];
  deepEqual(said, ['error', code, status, status, '']);
  return line;
}
