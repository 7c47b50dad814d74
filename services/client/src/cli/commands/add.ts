/** `holdfast add`: directories to back up. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

export function define(command: Command, run: Run): void {
  command
    .description('Adds directories (or single files) to those that every backup stores. Nothing is read or sent yet.')
    .argument('<dir...>', 'what to back up')
    .addHelpText('after', '\nExamples:\n  holdfast add ~/documents ~/photos\n')
    .action((paths: string[]) => run((cli) => add(cli, paths)));
}

async function add({ home, console }: Cli, paths: readonly string[]): Promise<void> {
  const { addDirectories } = await import('../directories.ts');
  const { added, directories, notes } = await addDirectories(home, paths);
  for (const note of notes) console.warn(`Note: ${note}`, 'note');
  console.note(added.length === 0 ? 'Nothing new: these are watched already.' : `Added ${added.join(', ')}.`);
  if (added.length > 0) console.note('Next: holdfast backup');
  console.result({ added, directories });
}
