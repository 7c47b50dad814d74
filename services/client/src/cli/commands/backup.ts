/** `holdfast backup`: one snapshot of the watched directories. */
import type { Command } from 'commander';
import type { BackupEvent, BackupReport, Issue } from '../../backup/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

export function define(command: Command, run: Run): void {
  command
    .description(
      'Stores what is new or changed in the watched directories as a new snapshot. Unchanged files are not read again. ' +
        'Stopped half-way, it goes on where it was the next time.',
    )
    .argument('[dir...]', 'only these, for this once (default: all watched directories)')
    .addHelpText(
      'after',
      `
Exit status 3: the snapshot was made, but some files could not be read; each is named.

Examples:
  holdfast backup
  holdfast backup ~/documents
  holdfast backup --json | jq 'select(.type == "result")'
`,
    )
    .action((directories: string[]) => run((cli) => runBackup(cli, directories)));
}

const loadBackup = async () => ({ ...(await import('../../backup/index.ts')), ...(await import('../progress.ts')) });

async function runBackup(cli: Cli, given: readonly string[]): Promise<number> {
  const { EXIT_CODES } = await import('@holdfast/protocol');
  const { checkedPath } = await import('../directories.ts');
  const { withVault } = await import('../unlock.ts');
  const directories = await Promise.all(given.map(checkedPath));
  const report = await withVault(
    cli,
    async (vault) => {
      const { backup, startProgress } = await loadBackup();
      const progress = startProgress(cli, 'Backing up');
      try {
        return await backup(vault, {
          ...(directories.length === 0 ? {} : { directories }),
          signal: cli.signal,
          onProgress: (now) =>
            progress.update({
              doneBytes: now.bytesDone,
              totalBytes: now.isScanDone ? now.bytesFound : Math.max(now.bytesFound, now.expectedBytes),
              isTotalKnown: now.isScanDone,
              doneFiles: now.filesDone,
              fields: now,
            }),
          onEvent: (event) => tellEvent(cli, event),
        });
      } finally {
        progress.stop();
      }
    },
    { preload: loadBackup },
  );
  await showReport(cli, report);
  cli.console.result({ ...report });
  return report.unreadableCount > 0 ? EXIT_CODES.incomplete : EXIT_CODES.ok;
}

function tellEvent({ console }: Cli, event: BackupEvent): void {
  const { type, ...fields } = event;
  console.event(type, fields);
  // Nodes that fail are told by the log; files that cannot be read at the end, where nobody overlooks them.
  if (event.type === 'resumed' && event.adoptedPacks > 0 && !console.isJson && !console.options.quiet) {
    console.ask(`Going on where the last run stopped: ${event.adoptedPacks} of its packs are there.\n`);
  }
}

const LISTED = 20;

async function showReport({ console }: Cli, report: BackupReport): Promise<void> {
  const { countOf, formatBytes, formatDuration } = await import('../format.ts');
  const list = (what: string, count: number, issues: readonly Issue[]): void => {
    if (count === 0 || console.isJson) return;
    const more = count > LISTED ? [`  … and ${count - LISTED} more (--json lists them)`] : [];
    const lines = issues.slice(0, LISTED).map(({ path, detail }) => `  ${path}: ${detail}`);
    console.warn([`${what} (${count}):`, ...lines, ...more].join('\n'), 'issues');
  };
  list('Could not be read, and so not in the snapshot', report.unreadableCount, report.unreadable);
  list('Changed while being read', report.changedCount, report.changed);
  list('Left out, because a backup does not keep such things', report.skippedCount, report.skipped);
  const files = `${countOf(report.fileCount, 'file')}, ${formatBytes(report.sizeBytes)}`;
  const news = report.unchanged
    ? 'nothing had changed'
    : `${formatBytes(report.newBytes)} new, ${formatBytes(report.storedBytes)} sent to nodes`;
  console.note(`Snapshot ${report.snapshotId.slice(0, 8)}: ${files}; ${news}; ${formatDuration(report.durationMs)}.`);
  if (report.copyFailures.length > 0) {
    const count = countOf(report.copyFailures.length, 'node');
    console.warn(`Note: ${count} did not take a copy of the vault's head; the next backup tries again.`, 'warning');
  }
}
