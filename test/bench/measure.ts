/** Measures one command: wall time, CPU seconds of the command and of the whole machine, peak memory. Linux only. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';

export interface Measurement {
  wallSeconds: number;
  /** User and system time of the command and its children. */
  cpuSeconds: number;
  /** User and system time of everything on the machine. */
  systemCpuSeconds: number;
  /** Highest resident size of the command. */
  peakBytes: number;
}

/** `sh` runs the command as its child and prints what `times` says of its children. */
const SCRIPT = '"$@" 3>&- & pid=$!; echo "pid $pid" >&3; wait $pid; status=$?; times >&3; exit $status';

export async function measure(
  program: string,
  args: string[],
  env: NodeJS.ProcessEnv,
  output: 'ignore' | 'inherit' = 'ignore',
): Promise<Measurement> {
  const machineBefore = machineCpuSeconds();
  const started = performance.now();
  const child = spawn('sh', ['-c', SCRIPT, 'sh', program, ...args], {
    env,
    stdio: ['ignore', output, 'pipe', 'pipe'],
  });
  let said = '';
  let complaints = '';
  child.stdio[3]!.on('data', (piece: Buffer) => (said += piece.toString()));
  child.stderr!.on('data', (piece: Buffer) => (complaints += piece.toString()));
  let peakBytes = 0;
  const poll = setInterval(() => {
    const pid = /^pid (\d+)/.exec(said)?.[1];
    if (pid !== undefined) peakBytes = Math.max(peakBytes, residentPeak(pid));
  }, 50);
  const [status] = (await once(child, 'close')) as [number];
  clearInterval(poll);
  const wallSeconds = (performance.now() - started) / 1000;
  if (status !== 0)
    throw new Error(`${program} ${args.join(' ')} ended with status ${status}: ${complaints.slice(-2000)}`);
  const children = said.trim().split('\n').at(-1)!;
  const cpuSeconds = [...children.matchAll(/(\d+)m([\d.]+)s/g)].reduce(
    (sum, [, m, s]) => sum + 60 * Number(m) + Number(s),
    0,
  );
  return { wallSeconds, cpuSeconds, systemCpuSeconds: machineCpuSeconds() - machineBefore, peakBytes };
}

function residentPeak(pid: string): number {
  try {
    const line = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
    return Number(line?.[1] ?? 0) * 1024;
  } catch {
    return 0; // it has just ended
  }
}

/** Without idle and waiting for disks; the kernel counts in hundredths of a second. */
function machineCpuSeconds(): number {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number);
  return (user! + nice! + system! + irq! + softirq!) / 100;
}

const median = (values: number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

export const medians = (runs: Measurement[]): Measurement => ({
  wallSeconds: median(runs.map((run) => run.wallSeconds)),
  cpuSeconds: median(runs.map((run) => run.cpuSeconds)),
  systemCpuSeconds: median(runs.map((run) => run.systemCpuSeconds)),
  peakBytes: Math.max(...runs.map((run) => run.peakBytes)),
});
