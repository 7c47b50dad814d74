/** `holdfast remove`: directories that are no longer backed up. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

export function define(command: Command, run: Run): void {
  command
    .description(
      'Takes directories from the list that every backup stores. Neither the files nor the snapshots that have them are touched.',
    )
    .argument('<dir...>', 'as holdfast dirs shows them')
    .addHelpText('after', '\nExamples:\n  holdfast remove ~/photos\n')
    .action((paths: string[]) => run((cli) => remove(cli, paths)));
}

async function remove({ home, console }: Cli, paths: readonly string[]): Promise<void> {
  const { removeDirectories } = await import('../directories.ts');
  const { removed, directories } = await removeDirectories(home, paths);
  console.note(`Removed ${removed.join(', ')}. Snapshots that have it stay as they are.`);
  console.result({ removed, directories });
}
