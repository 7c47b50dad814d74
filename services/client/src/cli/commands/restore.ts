/** `holdfast restore`: files of a snapshot into a directory. */
import { Option, type Command } from 'commander';
import type { RestoreEvent, RestoreReport } from '../../restore/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly target: string;
  readonly snapshot: string;
  readonly existing: 'fail' | 'skip' | 'overwrite' | 'newer';
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Writes the files of a snapshot below a directory, each at its old path: /home/ann/x comes to DIR/home/ann/x. ' +
        'Bytes come from any nodes that still have them, and every byte is verified.',
    )
    .argument('[pattern...]', 'only these: paths as holdfast ls shows them, names, or patterns with * ? and **')
    .requiredOption('--target <dir>', 'where to put them; is created')
    .option('--snapshot <id>', 'its first digits (four or more), or latest', 'latest')
    .addOption(
      new Option('--existing <policy>', 'what to do with files that are there already')
        .choices(['fail', 'skip', 'overwrite', 'newer'])
        .default('fail'),
    )
    .addHelpText(
      'after',
      `
Patterns: * is any run of characters in a name, ? one character, ** any number of directories. Without a / at its
beginning a pattern may begin at any directory. One that matches a directory stands for all that is in it.

--existing fail       nothing is written when a file is in the way (the default)
           skip       leave it as it is
           overwrite  replace it
           newer      replace it when the stored one is newer

Exit status 3: some files could not be restored as they were; each is named.

Examples:
  holdfast restore --target /tmp/back
  holdfast restore '*.jpg' /home/ann/notes --target /tmp/back
  holdfast restore --snapshot 3f09c2aa --target / --existing newer
`,
    )
    .action((patterns: string[], options: Options) => run((cli) => runRestore(cli, patterns, options)));
}

const loadRestore = async () => ({ ...(await import('../../restore/index.ts')), ...(await import('../progress.ts')) });

async function runRestore(cli: Cli, patterns: readonly string[], options: Options): Promise<number> {
  const { EXIT_CODES } = await import('@holdfast/protocol');
  const { withVault } = await import('../unlock.ts');
  const report = await withVault(
    cli,
    async (vault) => {
      const { restore, startProgress } = await loadRestore();
      const progress = startProgress(cli, 'Restoring');
      try {
        return await restore(vault, {
          snapshot: options.snapshot,
          target: options.target,
          include: patterns,
          existing: options.existing,
          signal: cli.signal,
          onProgress: (now) =>
            progress.update({
              doneBytes: now.doneBytes,
              totalBytes: now.totalBytes,
              isTotalKnown: now.isPlanned,
              doneFiles: now.doneFiles,
              fields: now,
            }),
          onEvent: (event) => tellEvent(cli, event),
        });
      } finally {
        progress.stop();
      }
    },
    { preload: loadRestore },
  );
  await showReport(cli, report);
  cli.console.result({ ...report });
  return report.notRestoredCount > 0 ? EXIT_CODES.incomplete : EXIT_CODES.ok;
}

function tellEvent({ console }: Cli, event: RestoreEvent): void {
  if (event.type === 'fault') console.event('fault', { ...event.fault });
  else console.event('not-restored', { ...event.item });
}

const LISTED = 20;

async function showReport({ console }: Cli, report: RestoreReport): Promise<void> {
  const { countOf, formatBytes, formatDuration, formatTime } = await import('../format.ts');
  const { faultLines } = await import('../fault-lines.ts');
  if (report.notRestoredCount > 0 && !console.isJson) {
    const more =
      report.notRestoredCount > LISTED ? [`  … and ${report.notRestoredCount - LISTED} more (--json lists them)`] : [];
    const lines = report.notRestored.slice(0, LISTED).map(({ path, code, detail }) => `  ${path}: ${detail} [${code}]`);
    console.warn([`Not restored (${report.notRestoredCount}):`, ...lines, ...more].join('\n'), 'not-restored');
  }
  if (report.faults.length > 0 && !console.isJson) {
    console.warn(
      [
        'These nodes did not serve what they should; what was restored is exact all the same:',
        ...faultLines(report.faults),
      ].join('\n'),
      'faults',
    );
  }
  for (const note of report.notes) console.warn(`Note: ${note}`, 'note');
  const others =
    report.others > 0 ? ` and ${countOf(report.others, 'link or special file', 'links and special files')}` : '';
  const skipped = report.skipped > 0 ? `; ${countOf(report.skipped, 'file was', 'files were')} there already` : '';
  console.note(
    `Restored ${countOf(report.files, 'file')}${others}, ${formatBytes(report.sizeBytes)}, of snapshot ${report.snapshotId.slice(0, 8)} ` +
      `(${formatTime(report.snapshotCreatedAtMs)}) to ${report.target} in ${formatDuration(report.durationMs)}${skipped}.`,
  );
}
