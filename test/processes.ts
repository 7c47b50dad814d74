/**
 * Services as processes of their own, for the demo, the benchmark and the kill -9 journeys. A child ends when its parent
 * does, however the parent ends: the IPC channel closes with it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface ServiceProcess<Ready> {
  readonly pid: number;
  /** What the service said of itself once it was ready. */
  readonly ready: Ready;
  /** Ends it the polite way and waits. */
  stop(): Promise<void>;
  /** SIGKILL, and waits until it is gone. */
  kill(): Promise<void>;
  readonly child: ChildProcess;
}

/** Starts `script` (a wrapper that calls `runAsChild`) with `options` and waits until it is ready. */
export async function startProcess<Ready>(
  script: string,
  options: unknown,
  logFd: number,
): Promise<ServiceProcess<Ready>> {
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '-C',
      '@holdfast/source',
      fileURLToPath(new URL(script, import.meta.url)),
    ],
    { stdio: ['ignore', logFd, logFd, 'ipc'], serialization: 'advanced', detached: true },
  );
  const exited = once(child, 'exit');
  child.send(options as object);
  const first = await Promise.race([
    once(child, 'message').then(([message]) => message as { ready?: Ready; failed?: string }),
    exited.then(([code]) => ({ failed: `it ended with status ${String(code)}` })),
  ]);
  if (!('ready' in first) || first.ready === undefined) {
    child.kill('SIGKILL');
    throw new Error(`${script} did not start: ${first.failed ?? 'no reason given'}`);
  }
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  return { pid: child.pid!, ready: first.ready, child, stop: () => end('SIGTERM'), kill: () => end('SIGKILL') };
}

/** The child's side: takes its options from the parent, says when it is ready, ends with SIGTERM or with its parent. */
export function runAsChild<Options, Ready>(
  start: (options: Options) => Promise<{ ready: Ready; stop(): Promise<void> }>,
): void {
  let stop: (() => Promise<void>) | undefined;
  const end = (): void => {
    void (stop ?? (() => Promise.resolve()))().finally(() => process.exit(0));
  };
  process.on('disconnect', end);
  process.on('SIGTERM', end);
  process.on('SIGINT', () => {}); // Ctrl-C is the parent's to handle
  process.once('message', (options: Options) => {
    start(options).then(
      (service) => {
        stop = () => service.stop();
        process.send!({ ready: service.ready });
      },
      (error: unknown) => process.send!({ failed: (error as Error).message }, () => process.exit(1)),
    );
  });
}
