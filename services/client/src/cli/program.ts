/** The program's options and help, with the one command that was called filled in. */
import { Command, CommanderError } from 'commander';
import type { OutputStream } from './console.ts';
import { type Run, type Verb, VERBS } from './verbs.ts';
import { TOOL_VERSION } from '../version.ts';

export interface GlobalOptions {
  readonly home?: string;
  readonly json?: boolean;
  readonly jsonProgress?: boolean;
  readonly quiet?: boolean;
}

const FIRST_STEPS = `${TOOL_VERSION}: encrypted backup on other people's disks.

Three steps to begin:
  holdfast init --mediator holdfast://HOST:PORT#FINGERPRINT    open a vault
  holdfast add DIR                                             say what to back up
  holdfast backup                                              do it

A new machine?  holdfast recover --mediator holdfast://HOST:PORT#FINGERPRINT
All commands:   holdfast --help
`;

const ENVIRONMENT = `
Environment:
  HOLDFAST_HOME                where this client keeps its state (default: ~/.holdfast)
  HOLDFAST_PASSPHRASE_FILE     a file that holds the passphrase
  HOLDFAST_PASSPHRASE_COMMAND  a command that prints the passphrase
  HOLDFAST_DEBUG=1             logs, and where an error came from
  NO_COLOR                     no colours

Sizes are in powers of 1000 (1 GB = 10^9 bytes). Prices are in satoshi per terabyte and month of 30 days.
Exit status: 0 done, 1 unexpected, 2 wrong usage, 3 done but for some files, 4 the other side is away,
5 refused, 6 data or signature does not match, 7 check: weaker than it should be, 8 check: something is lost,
130 stopped. More about all of it: docs/cli.md, docs/errors.md.
`;

export interface ProgramOptions {
  readonly argv: readonly string[];
  readonly output: OutputStream;
  /** @param globals what stands beside the command. */
  readonly runVerb: (name: string, globals: GlobalOptions) => Run;
}

/** Runs the command. @throws CommanderError after help or the version was shown, and for wrong usage */
export async function runProgram({ argv, output, runVerb }: ProgramOptions): Promise<void> {
  const { called, unknown } = verbOf(output, argv);
  if (called === undefined && !argv.some((word) => SHOWN_WITHOUT_A_VERB.has(word))) {
    if (unknown !== undefined) throw new CommanderError(2, 'commander.unknownOption', `unknown option '${unknown}'`);
    output.write(FIRST_STEPS);
    return;
  }
  const program = createProgram(output);
  const commands = VERBS.map((verb) => ({ verb, command: addVerb(program, verb) }));
  for (const { verb, command } of commands) {
    if (verb.name !== called) continue;
    const { define } = await verb.load();
    define(command, (work) => runVerb(verb.name, program.opts<GlobalOptions>())(work));
  }
  await program.parseAsync([...argv], { from: 'user' });
}

function createProgram(output: OutputStream): Command {
  return new Command('holdfast')
    .description("Encrypted backup on other people's disks: only you hold the keys, any few nodes may vanish.")
    .option('--home <dir>', 'use another state directory than HOLDFAST_HOME')
    .option('--json', 'print JSON lines instead of text')
    .option('--json-progress', 'with --json: progress as JSON lines too')
    .option('-q, --quiet', 'no progress, no notes: only results, warnings and errors')
    .version(TOOL_VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => void output.write(text),
      // Wrong usage is told like every other error.
      writeErr: () => undefined,
    })
    .exitOverride()
    .addHelpText('after', ENVIRONMENT);
}

const SHOWN_WITHOUT_A_VERB: ReadonlySet<string> = new Set(['-h', '--help', '--version', 'help']);

const addVerb = (program: Command, { name, summary, group }: Verb): Command =>
  program.command(name).summary(summary).helpGroup(group);

/** The first word that is no option (`help restore` is about restore), or else the first option that nobody knows. */
function verbOf(output: OutputStream, argv: readonly string[]): { called?: string; unknown?: string } {
  const { operands, unknown } = createProgram(output).parseOptions([...argv]);
  const words = [...operands, ...unknown].filter((word) => !word.startsWith('-'));
  const called = words[0] === 'help' ? words[1] : words[0];
  if (called !== undefined) return { called };
  return unknown[0] === undefined ? {} : { unknown: unknown[0] };
}

/** Commander's way of saying that help or the version was shown. */
export const isShown = (error: CommanderError): boolean =>
  ['commander.help', 'commander.helpDisplayed', 'commander.version'].includes(error.code);
