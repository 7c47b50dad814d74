/** The command `holdfast-node` as a process of its own, for what can only be seen from outside: kill -9, signals, the start. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface NodeProcess {
  readonly pid: number;
  /** `host:port` where it listens. */
  readonly address: string;
  readonly child: ChildProcess;
  /** Everything it wrote to stderr and, after its first line, to stdout. */
  output(): string;
  /** Resolves when it is gone, to its status and signal. */
  end(signal: NodeJS.Signals): Promise<{ status: number | null; signal: string | null }>;
}

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** A program that ends by becoming the command that follows its arguments. */
export interface Wrapper {
  readonly program: string;
  readonly arguments: readonly string[];
}

/** Runs the command; the settings are its environment. */
export function spawnNode(
  settings: Readonly<Record<string, string>>,
  nodeArguments: readonly string[] = [],
  wrapper?: Wrapper,
) {
  const command = ['--disable-warning=ExperimentalWarning', '-C', '@holdfast/source', ...nodeArguments, MAIN];
  const child = spawn(
    wrapper?.program ?? process.execPath,
    wrapper === undefined ? command : [...wrapper.arguments, process.execPath, ...command],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        PATH: process.env['PATH'],
        HOME: process.env['HOME'],
        NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
        ...settings,
      },
    },
  );
  // Not when it exits: what it said last may come a moment later.
  const exited = once(child, 'close').then(([status, signal]) => ({
    status: status as number | null,
    signal: signal as string | null,
  }));
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  return { child, exited, output: () => text };
}

/** Resolves when it serves. @throws Error with what it wrote, when it ends before */
export async function startNodeProcess(
  settings: Readonly<Record<string, string>>,
  nodeArguments: readonly string[] = [],
  wrapper?: Wrapper,
): Promise<NodeProcess> {
  const { child, exited, output } = spawnNode(settings, nodeArguments, wrapper);
  const address = await new Promise<string>((resolve, reject) => {
    const look = (): void => {
      const found = / on ([^ ,;]+:\d+)[,;]/.exec(output());
      if (found !== null) resolve(found[1]!);
    };
    child.stdout.on('data', look);
    void exited.then(({ status, signal }) =>
      reject(new Error(`the node ended with ${String(status ?? signal)}: ${output()}`)),
    );
  });
  return {
    pid: child.pid!,
    address,
    child,
    output,
    async end(signal) {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      return exited;
    },
  };
}

/** Settings of a node that keeps itself to itself: no scrub, no visits but the first, any port. */
export const settingsOf = (dataDir: string, mediator: string): Record<string, string> => ({
  HOLDFAST_NODE_DATA_DIR: dataDir,
  HOLDFAST_NODE_MEDIATOR: mediator,
  HOLDFAST_NODE_LISTEN: '127.0.0.1:0',
  HOLDFAST_NODE_OPS_LISTEN: 'off',
  HOLDFAST_NODE_OPERATOR: 'tester',
  HOLDFAST_NODE_REGION: 'test',
  HOLDFAST_NODE_PRICE: '1000',
  HOLDFAST_NODE_CAPACITY: '1GB',
  HOLDFAST_NODE_DISK_MARGIN: '0',
  HOLDFAST_NODE_HEARTBEAT: '1h',
  HOLDFAST_NODE_SCRUB_RATE: '0',
  HOLDFAST_NODE_LOG_LEVEL: 'warn',
});
