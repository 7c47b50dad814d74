/** For suites that need a program which npm cannot bring (restic, redis-server…): find it, unpack it, or say so. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Debian package, and the program that is wanted of it where their names differ: `redis-tools:redis-cli`. */
export type RequiredProgram = string;

const TOOL = fileURLToPath(new URL('../../../tools/debian-package.mjs', import.meta.url));

/**
 * The path of a program: from the PATH, or unpacked into `.tools/debian` from Debian's packages (seconds, once).
 *
 * @throws what the tool said, when there is neither
 */
export async function programPath(required: RequiredProgram): Promise<string> {
  const [name = '', program = name] = required.split(':');
  try {
    const { stdout } = await run(process.execPath, [TOOL, name, program]);
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
