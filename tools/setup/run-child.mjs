/** Runs a command as if it had been started in our place: its output, its exit code, each signal once. */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** @type {NodeJS.Signals[]} */
const PASSED_ON = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/** What a terminal sends to all of its foreground processes, the child among them. @type {NodeJS.Signals[]} */
const SENT_BY_TERMINALS = ['SIGINT', 'SIGQUIT', 'SIGHUP'];

/** One Ctrl-C may arrive twice, from the terminal and from npm: within this time it counts as one. */
const SAME_SIGNAL_MS = 500;

/**
 * @param {string} program
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<number | NodeJS.Signals>}
 */
export function runChild(program, args, env) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env, stdio: 'inherit' });
    /** @type {Map<NodeJS.Signals, number>} */
    const lastSeen = new Map();
    for (const signal of PASSED_ON) {
      process.on(signal, () => {
        const now = performance.now();
        const repeated = now - (lastSeen.get(signal) ?? Number.NEGATIVE_INFINITY) < SAME_SIGNAL_MS;
        lastSeen.set(signal, now);
        const childHasIt = SENT_BY_TERMINALS.includes(signal) && isInForeground();
        if (!repeated && !childHasIt) child.kill(signal);
      });
    }
    const stopListening = () => PASSED_ON.forEach((signal) => process.removeAllListeners(signal));
    child.on('error', (error) => {
      stopListening();
      const missing = /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT';
      console.error(
        `holdfast: ${program} ${missing ? 'is not a command of this workspace.' : `did not start: ${error.message}`}`,
      );
      resolve(missing ? 127 : 126);
    });
    child.on('exit', (code, signal) => {
      stopListening();
      resolve(signal ?? code ?? 1);
    });
  });
}

/** Whether a terminal counts us among its foreground processes. Where /proc is missing, a terminal on stdin has to do. */
function isInForeground() {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8');
    const [, , group, , , foreground] = stat
      .slice(stat.lastIndexOf(')') + 1)
      .trim()
      .split(' ');
    return group !== undefined && group === foreground;
  } catch {
    return process.stdin.isTTY;
  }
}
