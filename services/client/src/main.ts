/** The command `holdfast`: hands arguments, streams and the environment to the command line. */
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// Compiling would be more than half of what a short command costs. The cache lies beside the code, so that nobody else can
// write to it; where it cannot be written, nothing is kept. Worker threads only see the environment.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(new URL('../node_modules/.cache/holdfast', import.meta.url));
enableCompileCache(process.env['NODE_COMPILE_CACHE']);

// Imported only now: static imports would be compiled before.
const { runCli } = await import('./cli/run-cli.ts');

process.exitCode = await runCli({
  argv: process.argv.slice(2),
  input: process.stdin,
  output: process.stdout,
  errors: process.stderr,
  signals: process,
  exit: (code) => process.exit(code),
  environment: process.env,
});
