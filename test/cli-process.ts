/** The command line as a process of its own, which can be killed at any moment. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface CliRun {
  /** The exit status; null when a signal ended it. */
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it printed, a line of JSON each. */
  readonly lines: readonly Record<string, unknown>[];
  readonly errors: string;
}

export interface CliProcess {
  readonly pid: number;
  /** SIGKILL; nothing happens when it has ended. */
  kill(): void;
  /** When it has ended. */
  readonly done: Promise<CliRun>;
}

const MAIN = fileURLToPath(new URL('../services/client/src/main.ts', import.meta.url));

/** Who runs it, and what, where it is not this user and this clone. */
export interface CliUser {
  readonly uid?: number;
  readonly gid?: number;
  /** The program of Node and the command line's main file. */
  readonly node?: string;
  readonly main?: string;
  /** Where that user keeps compiled code. */
  readonly compileCache?: string;
}

/** Runs `holdfast --json …` on a client's home, as that user where one is given. */
export function startCli(
  { home, passphraseFile }: { home: string; passphraseFile: string },
  args: readonly string[],
  { node = process.execPath, main = MAIN, compileCache = process.env['NODE_COMPILE_CACHE'], ...user }: CliUser = {},
): CliProcess {
  const child = spawn(
    node,
    ['--disable-warning=ExperimentalWarning', '-C', '@holdfast/source', main, '--json', ...args],
    {
      ...user,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        NODE_COMPILE_CACHE: compileCache,
        HOLDFAST_HOME: home,
        HOLDFAST_PASSPHRASE_FILE: passphraseFile,
      },
    },
  );
  const closed = once(child, 'close');
  const output = collect(child.stdout);
  const errors = collect(child.stderr);
  const finish = async (): Promise<CliRun> => {
    const [status, signal] = (await closed) as [number | null, NodeJS.Signals | null];
    return { status, signal, lines: parseLines(output()), errors: errors() };
  };
  return { pid: child.pid!, kill: () => void child.kill('SIGKILL'), done: finish() };
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  return () => Buffer.concat(pieces).toString('utf8');
}

/** Whole lines; the last one of a killed process may be half. */
const parseLines = (text: string): Record<string, unknown>[] =>
  text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
