/** `holdfast dirs`: what is backed up. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

export function define(command: Command, run: Run): void {
  command.description('Lists the watched directories, one a line. Asks for no passphrase.').action(() => run(dirs));
}

async function dirs({ home, console }: Cli): Promise<void> {
  const { readClientConfig } = await import('../../config/index.ts');
  const { directories } = await readClientConfig(home);
  for (const directory of directories) console.say(directory);
  if (directories.length === 0) console.note('There are none yet: holdfast add DIR');
  console.result({ directories });
}
