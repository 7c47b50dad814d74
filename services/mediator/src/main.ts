/** The command `holdfast-mediator`: reads the environment, starts, and stops at a signal. */
import {
  createLogger,
  describeConfig,
  errorText,
  PlatformError,
  readConfig,
  writeFileDurably,
} from '@holdfast/platform';
import { startMediator } from './compose.ts';
import { mediatorConfig, toOptions } from './config.ts';
import { VERSION } from './version.ts';

const HELP = `holdfast-mediator ${VERSION}: matches clients with storage nodes. Settings come from the environment:

${describeConfig(mediatorConfig)}`;

async function main(): Promise<void> {
  const config = readConfig(mediatorConfig, process.env);
  const logger = createLogger({ service: 'mediator', level: config.logLevel });
  const mediator = await startMediator({ ...toOptions(config), logger });
  if (config.addressFile !== null) await writeFileDurably(config.addressFile, `${mediator.address}\n`, { mode: 0o644 });
  process.stdout.write(`${mediator.address}\n`);
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      void mediator.stop().finally(() => process.exit(0));
    });
  }
}

if (process.argv.includes('--help')) {
  process.stdout.write(HELP);
} else {
  main().catch((error: unknown) => {
    process.stderr.write(`${errorText(error)}\n${error instanceof PlatformError ? `${error.next}\n` : ''}`);
    process.exitCode = error instanceof PlatformError && error.code === 'config.invalid' ? 2 : 1;
  });
}
