/** For suites that need a program which npm cannot bring (restic, redis-server…): find it, unpack it, or say so. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Debian package, and the program that is wanted of it where their names differ: `redis-tools:redis-cli`. */
export type RequiredProgram = string;

const fromRoot = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const DEBIAN_TOOL = fromRoot('tools/debian-package.mjs');
/** A node for regtest is not in every Debian's packages, and brings its own C library. */
const BITCOIND_TOOL = fromRoot('infra/bitcoin/get-bitcoind.mjs');

/**
 * The path of a program: from the PATH, or unpacked into `.tools` from Debian's packages (seconds, once). `bitcoind`: see
 * infra/bitcoin.
 *
 * @throws what the tool said, when there is neither
 */
export async function programPath(required: RequiredProgram): Promise<string> {
  const [name = '', program = name] = required.split(':');
  const command = required === 'bitcoind' ? [BITCOIND_TOOL] : [DEBIAN_TOOL, name, program];
  try {
    const { stdout } = await run(process.execPath, command);
    return stdout.trim();
  } catch (error) {
    const { stderr } = error as { stderr?: unknown };
    throw new Error(typeof stderr === 'string' && stderr !== '' ? stderr.trim() : String(error), { cause: error });
  }
}

/**
 * `describe` for a suite that needs programs; without them it prints `SKIPPED suite: reason` and is skipped, which
 * `.ci/run` counts as a failure. At the top of a test file: `await describeWith(['restic'], 'beside restic', (paths) => …)`.
 *
 * @param define is given the programs' paths, in the order asked for
 */
export async function describeWith(
  programs: readonly RequiredProgram[],
  title: string,
  define: (...paths: string[]) => void,
): Promise<void> {
  let paths: string[];
  try {
    paths = await Promise.all(programs.map((required) => programPath(required)));
  } catch (error) {
    await describeUnless(error instanceof Error ? error.message : String(error), title, () => undefined);
    return;
  }
  await describeUnless(undefined, title, () => define(...paths));
}

/** `describe` for a suite that this machine cannot run for that reason, which is printed the same way; without a reason it runs. */
async function describeUnless(reason: string | undefined, title: string, define: () => void): Promise<void> {
  const { describe, test } = await import('@jest/globals');
  if (reason === undefined) {
    describe(title, define);
    return;
  }
  process.stderr.write(`SKIPPED suite: ${title}: ${reason}\n`);
  describe.skip(title, () => test(`cannot run here: ${reason}`, () => undefined));
}
