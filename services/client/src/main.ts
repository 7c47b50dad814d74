/** The command `holdfast`: hands arguments, streams and the environment to the command line. */
import { runCli } from './cli/run-cli.ts';

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  signals: process,
  exit: (code) => process.exit(code),
  environment: process.env,
});
