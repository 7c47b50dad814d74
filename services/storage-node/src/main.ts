/** The command `holdfast-node`: reads the environment, starts, and stops at a signal; or answers its operator about a node. */
import { createLogger, describeConfig, errorText, PlatformError, readConfig, systemClock } from '@holdfast/platform';
import { formatBytes, HoldfastError, shortId } from '@holdfast/protocol';
import { nodeConfig, readMediatorAddress, toOptions } from './config.ts';
import { OPERATOR_HELP, readOperatorCommand } from './operator-commands.ts';
import { VERSION } from './version.ts';

const HELP = `holdfast-node ${VERSION}: rents out spare disk.

${OPERATOR_HELP}

Settings come from the environment:

${describeConfig(nodeConfig)}`;

async function main(): Promise<void> {
  const config = readConfig(nodeConfig, process.env);
  const logger = createLogger({ service: 'storage-node', level: config.logLevel });
  const mediator = await readMediatorAddress(config, systemClock);
  const options = toOptions(config, mediator);
  // Only now: an operator who asks something need not wait until the whole node is loaded.
  const { startStorageNode } = await import('./compose.ts');
  const node = await startStorageNode({ ...options, logger });
  let isStopping = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (isStopping) process.exit(1);
      isStopping = true;
      void node.stop().finally(() => process.exit(0));
    });
  }
  process.stdout.write(
    `node ${shortId(node.nodeId)} of ${options.operator} (${options.region}) offers ${formatBytes(options.capacityBytes)} ` +
      `at ${options.priceSatPerTbMonth} sat/TB·month on ${(options.addresses ?? [node.address]).join(', ')}; ` +
      `data in ${node.dataDir}\n`,
  );
}

/** @throws PlatformError `config.invalid` for words that are no command */
async function run(words: readonly string[]): Promise<void> {
  if (words.length === 0) return main();
  const command = readOperatorCommand(words);
  if (command === undefined) {
    const problem = `${words[0]} is no command of holdfast-node.`;
    throw new PlatformError('config.invalid', problem, 'holdfast-node --help lists them.');
  }
  const config = readConfig(nodeConfig, process.env);
  const mediator = await readMediatorAddress(config, systemClock);
  process.stdout.write(`${await command({ dataDir: config.dataDir, mediator, network: config.network })}\n`);
}

if (process.argv.includes('--help')) {
  process.stdout.write(HELP);
} else {
  run(process.argv.slice(2)).catch((error: unknown) => {
    const next = error instanceof PlatformError || error instanceof HoldfastError ? `${error.next}\n` : '';
    process.stderr.write(`${errorText(error)}\n${next}`);
    process.exit(exitCodeOf(error));
  });
}

function exitCodeOf(error: unknown): number {
  if (error instanceof PlatformError && error.code === 'config.invalid') return 2;
  return error instanceof HoldfastError && error.code.startsWith('liabilities.') ? error.exitCode : 1;
}
