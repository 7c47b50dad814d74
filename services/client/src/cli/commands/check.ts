/** `holdfast check`: whether the vault can be read back, and who is to blame where it cannot. */
import type { Command } from 'commander';
import type { CheckEvent, CheckReport, CheckVerdict, PackHealth } from '../../check/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly readData?: boolean;
  readonly snapshot?: readonly string[];
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Opens the newest head and its index as a new machine would, asks every node for the root and length of every shard, ' +
        'and walks every snapshot: is each of its chunks in a pack that can be read? Changes nothing.',
    )
    .option('--read-data', 'fetch every shard, match each with its root, open every chunk')
    .option(
      '--snapshot <id>',
      'only what this one needs: its first digits (four or more), or latest; can be repeated',
      (id: string, before: readonly string[] | undefined) => [...(before ?? []), id],
    )
    .addHelpText(
      'after',
      `
Without --read-data nodes are believed when they say that they hold a shard; with it every byte is fetched, which takes
as long as a restore of all snapshots, twice over, and costs egress where nodes charge for that.

Exit status 0: all is well.
            7: everything can be read, but some shards are missing or wrong, or something else is not as it should be.
            8: something cannot be read; the files are named.

Examples:
  holdfast check
  holdfast check --snapshot latest --read-data
`,
    )
    .action((options: Options) => run((cli) => runCheck(cli, options)));
}

const loadCheck = async () => ({ ...(await import('../../check/index.ts')), ...(await import('../progress.ts')) });

async function runCheck(cli: Cli, { readData = false, snapshot }: Options): Promise<number> {
  const { EXIT_CODES } = await import('@holdfast/protocol');
  const { withVault } = await import('../unlock.ts');
  const report = await withVault(
    cli,
    async (vault) => {
      const { check, startProgress } = await loadCheck();
      const progress = startProgress(cli, readData ? 'Reading' : 'Checking');
      try {
        return await check(vault, {
          readData,
          ...(snapshot === undefined ? {} : { snapshots: snapshot }),
          signal: cli.signal,
          onProgress: (now) =>
            progress.update({
              doneBytes: now.doneBytes,
              totalBytes: now.totalBytes,
              isTotalKnown: now.phase !== 'open',
              doneFiles: now.files,
              fields: now,
            }),
          onEvent: (event) => tellEvent(cli, event),
        });
      } finally {
        progress.stop();
      }
    },
    { preload: loadCheck },
  );
  await showReport(cli, report);
  cli.console.result({ ...report });
  const statuses: Readonly<Record<CheckVerdict, number>> = {
    good: EXIT_CODES.ok,
    weaker: EXIT_CODES.weaker,
    lost: EXIT_CODES.lost,
  };
  return statuses[report.verdict];
}

function tellEvent({ console }: Cli, event: CheckEvent): void {
  if (event.type === 'fault') console.event('fault', { ...event.fault });
  else if (event.type === 'pack') console.event('pack', { ...event.health });
  else console.event('affected', { ...event.file });
}

const LISTED = 20;

async function showReport({ console }: Cli, report: CheckReport): Promise<void> {
  if (console.isJson) return;
  const { countOf, formatBytes, formatDuration } = await import('../format.ts');
  const { faultLines } = await import('../fault-lines.ts');
  const packs = (count: number): string => countOf(count, 'pack');
  console.note(
    `Checked ${countOf(report.snapshots, 'snapshot')} with ${countOf(report.files, 'file')} in ${packs(report.packs)}: ` +
      `${countOf(report.shards.good, 'good shard')} of ${report.shards.checked}` +
      `${report.readData ? `, ${formatBytes(report.readBytes)} read` : ''}, in ${formatDuration(report.durationMs)}.`,
  );
  for (const { nodes, packs: count } of report.margins) {
    const said =
      nodes < 0
        ? `${countOf(-nodes, 'shard')} too few to be read`
        : `can be read after ${countOf(nodes, 'more loss', 'more losses')}`;
    console.note(`  ${packs(count)}: ${said}`);
  }
  if (report.unindexedPacks > 0) {
    console.note(`  ${packs(report.unindexedPacks)} of interrupted backups: the next backup takes them in.`);
  }
  if (report.faults.length > 0) {
    console.warn(['These nodes do not have what they should:', ...faultLines(report.faults)].join('\n'), 'faults');
  }
  for (const problem of report.problems) console.warn(`Note: ${problem}`, 'problem');
  if (report.signedRoots.contradicted > 0) {
    const said = `The mediator names other roots for ${packs(report.signedRoots.contradicted)} than you signed; yours were used.`;
    console.warn(`Note: ${said} Tell its operator.`, 'problem');
  }
  showLost(console, report, countOf);
  console.say(VERDICTS[report.verdict](report));
}

function showLost(
  console: Cli['console'],
  report: CheckReport,
  countOf: (count: number, one: string, many?: string) => string,
): void {
  const rest = (count: number): string[] =>
    count > LISTED ? [`  … and ${count - LISTED} more (--json lists up to 1,000)`] : [];
  if (report.lostPackCount > 0) {
    const line = ({ packId, good, needed, away }: PackHealth): string =>
      `  pack ${packId}: ${good} of the ${needed} shards needed${away > 0 ? `, ${countOf(away, 'node')} away` : ''}`;
    const lines = report.lostPacks.slice(0, LISTED).map(line);
    console.warn(['Cannot be read:', ...lines, ...rest(report.lostPackCount)].join('\n'), 'lost-packs');
  }
  if (report.affectedCount > 0) {
    const lines = report.affected
      .slice(0, LISTED)
      .map(({ path, detail, snapshotId }) => `  ${path} (snapshot ${snapshotId.slice(0, 8)}): ${detail}`);
    console.warn(['Cannot be restored:', ...lines, ...rest(report.affectedCount)].join('\n'), 'affected');
  }
  if (report.atRiskFileCount > 0) {
    const lines = report.atRiskFiles.slice(0, LISTED).map(({ path }) => `  ${path}`);
    console.warn(
      ['One more loss, and these cannot be restored:', ...lines, ...rest(report.atRiskFileCount)].join('\n'),
      'at-risk',
    );
  }
}

const VERDICTS: Readonly<Record<CheckVerdict, (report: CheckReport) => string>> = {
  good: ({ readData }) =>
    readData ? 'Everything was read and is exactly what was saved.' : 'Every shard is where it should be.',
  weaker: () =>
    'Everything can be read, but not all is as it should be. Nodes that come back bring their shards with them; check again in a day.',
  lost: ({ mayComeBack }) =>
    mayComeBack
      ? 'Some of it cannot be read now. Nodes that are away may come back: check again later. Back up again what you still have here.'
      : 'Some of it is lost. Back up again what you still have here.',
};
