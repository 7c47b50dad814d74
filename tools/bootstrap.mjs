/**
 * Runs a command in the workspace's own Node and tools, and sets both up first where that has not been done.
 * Needs nothing but Node 20 and npm; everything it brings lies in `.tools/` and `node_modules/` of this clone.
 *
 *   node tools/bootstrap.mjs [--long] COMMAND [ARGUMENT…]   runs the command
 *   node tools/bootstrap.mjs --set-up                       only sets up (the ./holdfast launchers call this)
 */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { childEnvironment } from './setup/environment.mjs';
import { runChild } from './setup/run-child.mjs';
import { isReady, workspaceAt } from './setup/workspace.mjs';

const OLDEST_NODE = 20;

/** @param {string[]} argv */
function parseArguments(argv) {
  const options = { long: false, setUpOnly: false };
  let index = 0;
  for (; argv[index]?.startsWith('--'); index++) {
    if (argv[index] === '--long') options.long = true;
    else if (argv[index] === '--set-up') options.setUpOnly = true;
    else break;
  }
  return { ...options, command: argv.slice(index) };
}

/** @returns {Promise<number | NodeJS.Signals>} the exit code, or the signal that ended the command */
async function main() {
  const { long, setUpOnly, command } = parseArguments(process.argv.slice(2));
  const [program, ...args] = command;
  if (Number.parseInt(process.versions.node, 10) < OLDEST_NODE) {
    console.error(`holdfast: Node ${OLDEST_NODE} or newer is needed to begin with, this is ${process.version}.`);
    return 1;
  }
  if (program === undefined && !setUpOnly) {
    console.error('usage: node tools/bootstrap.mjs [--long] COMMAND [ARGUMENT…]');
    return 2;
  }
  const workspace = workspaceAt(dirname(dirname(fileURLToPath(import.meta.url))));
  if (!isReady(workspace)) {
    const { setUp } = await import('./setup/set-up.mjs');
    const failure = await setUp(workspace);
    if (failure !== undefined) {
      console.error(`\nholdfast: ${failure}`);
      return 1;
    }
  }
  if (program === undefined) return 0;
  const env = childEnvironment(process.env, workspace, { program, long });
  return runChild(program, args, env);
}

const result = await main();
// Ended by a signal: end the same way, so that whoever started us sees what happened.
if (typeof result === 'string') process.kill(process.pid, result);
else process.exitCode = result;
