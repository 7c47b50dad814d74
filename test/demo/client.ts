/** The demo's client: the real command line, as a person would call it, in a home of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../services/client/src/main.ts', import.meta.url));

export interface HoldfastCommand {
  exitCode: number;
  /** With `--json`: the lines that it printed. */
  lines: Record<string, unknown>[];
}

export interface HoldfastCli {
  /** Runs `holdfast …args --json`; progress bars and complaints go to the terminal. */
  run(args: string[], signal: AbortSignal): Promise<HoldfastCommand>;
}

export function createCli(home: string, passphraseFile: string): HoldfastCli {
  return {
    async run(args, signal) {
      const child = spawn(
        process.execPath,
        ['--disable-warning=ExperimentalWarning', '-C', '@holdfast/source', MAIN, ...args, '--json'],
        {
          env: { ...process.env, HOLDFAST_HOME: home, HOLDFAST_PASSPHRASE_FILE: passphraseFile },
          stdio: ['ignore', 'pipe', 'inherit'],
        },
      );
      signal.addEventListener('abort', () => child.kill('SIGINT'), { once: true });
      const text: Buffer[] = [];
      child.stdout.on('data', (piece: Buffer) => text.push(piece));
      const [exitCode] = (await once(child, 'close')) as [number | null];
      const lines = Buffer.concat(text)
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as Record<string, unknown>);
      return { exitCode: exitCode ?? 1, lines };
    },
  };
}
