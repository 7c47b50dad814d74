/** `holdfast snapshots`: the versions in the vault. */
import type { Command } from 'commander';
import type { Snapshot } from '@holdfast/codec';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly all?: boolean;
}

/** Each one's record is read from the nodes. */
const SHOWN = 50;

export function define(command: Command, run: Run): void {
  command
    .description(
      'Lists the snapshots in the vault, the newest last, with when and where they were made and what is in them.',
    )
    .option('--all', `more than the newest ${SHOWN}`)
    .addHelpText('after', '\nExamples:\n  holdfast snapshots\n')
    .action((options: Options) => run((cli) => snapshots(cli, options)));
}

const loadReading = async () => ({
  ...(await import('../../vault/index.ts')),
  ...(await import('../read-snapshots.ts')),
});

async function snapshots(cli: Cli, { all }: Options): Promise<void> {
  const { lookIntoVault } = await import('../unlock.ts');
  const { console, signal } = cli;
  const { shown, count } = await lookIntoVault(
    cli,
    async (vault) => {
      const { readSnapshot, readVaultSnapshots } = await loadReading();
      const { snapshots: entries, getChunk } = await readVaultSnapshots(vault, signal);
      const shown: Snapshot[] = [];
      for (const entry of all ? entries : entries.slice(-SHOWN)) shown.push(await readSnapshot(entry, getChunk));
      return { shown, count: entries.length };
    },
    { preload: loadReading },
  );
  await showSnapshots(cli, shown, count);
  const { rootTexts } = await import('../list-entries.ts');
  console.result({
    count,
    snapshots: shown.map(({ roots, statistics, ...rest }) => ({
      ...rest,
      ...statistics,
      directories: rootTexts(roots),
    })),
  });
}

async function showSnapshots({ console }: Cli, shown: readonly Snapshot[], count: number): Promise<void> {
  const { countOf, formatBytes, formatCount, formatTable, formatTime } = await import('../format.ts');
  const { rootTexts } = await import('../list-entries.ts');
  if (count === 0) {
    console.note('There are none yet: holdfast backup makes the first one.');
    return;
  }
  const columns = [
    { title: 'snapshot' },
    { title: 'time' },
    { title: 'machine' },
    { title: 'files', align: 'right' as const },
    { title: 'size', align: 'right' as const },
    { title: 'directories' },
  ];
  const rows = shown.map((snapshot) => [
    snapshot.snapshotId.slice(0, 8),
    formatTime(snapshot.createdAtMs),
    snapshot.hostName,
    formatCount(snapshot.statistics.fileCount),
    formatBytes(snapshot.statistics.sizeBytes),
    `${rootTexts(snapshot.roots).join(', ')}${snapshot.incomplete ? '  (some files could not be read)' : ''}`,
  ]);
  const [titles = '', ...lines] = formatTable(columns, rows);
  console.say(console.bold(titles));
  for (const line of lines) console.say(line);
  if (shown.length < count) console.note(`${countOf(count - shown.length, 'older one')} not shown: --all`);
}
