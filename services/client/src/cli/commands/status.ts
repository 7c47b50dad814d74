/** `holdfast status`: is everything all right? */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';
import type { VaultStatus } from '../vault-status.ts';

export function define(command: Command, run: Run): void {
  command
    .description(
      'Shows the vault with its policy, the last snapshot, what is stored and what a month of it costs, the watched directories, ' +
        'and the nodes that hold the data.',
    )
    .addHelpText('after', '\nThe month’s cost is an estimate: stored bytes at what each node asks today.\n')
    .action(() => run(status));
}

async function status(cli: Cli): Promise<void> {
  const { readVaultStatus } = await import('../vault-status.ts');
  const { withVault } = await import('../unlock.ts');
  const found = await withVault(cli, (vault) => readVaultStatus(vault, cli.signal));
  await show(cli, found);
  cli.console.result({ home: cli.home, ...found });
}

async function show({ console, clock, home }: Cli, found: VaultStatus): Promise<void> {
  const { countOf, formatAgo, formatBytes, formatSats, formatTable, formatTime } = await import('../format.ts');
  const { shortId } = await import('@holdfast/protocol');
  const { dataShards, parityShards } = found.policy;
  const { last } = found;
  const rows = [
    ['Vault', `${found.vaultId} on ${found.network}, in ${home}`],
    ['Mediator', `${found.mediator.replace(/#.*/, '')} (reachable)`],
    ['Policy', `${dataShards}+${parityShards}: any ${parityShards} of ${dataShards + parityShards} nodes may fail`],
    [
      'Last backup',
      last === undefined
        ? 'none yet: holdfast backup'
        : `${formatTime(last.createdAtMs)} (${formatAgo(clock.nowMs() - last.createdAtMs)}), snapshot ${last.snapshotId.slice(0, 8)}`,
    ],
    [
      'Stored',
      `${formatBytes(found.storedBytes)} in ${countOf(found.packCount, 'pack')}, ${countOf(found.snapshotCount, 'snapshot')}`,
    ],
    ['A month costs', `about ${formatSats(found.monthlyCostMsat)}`],
    ['Directories', found.directories.length === 0 ? 'none yet: holdfast add DIR' : found.directories.join(', ')],
  ];
  for (const line of formatTable([{ title: '' }, { title: '' }], rows)) console.say(line);
  if (found.nodes.length > 0) {
    console.say();
    const columns = [
      { title: 'node' },
      { title: 'operator' },
      { title: 'region' },
      { title: 'shards', align: 'right' as const },
      { title: 'stored', align: 'right' as const },
      { title: 'state' },
    ];
    const nodes = found.nodes.map((node) => [
      shortId(node.nodeId),
      node.operator,
      node.region,
      String(node.shardCount),
      formatBytes(node.storedBytes),
      `${node.online ? 'online' : 'OFFLINE'}${node.lostCount > 0 ? `, ${countOf(node.lostCount, 'shard')} lost` : ''}`,
    ]);
    const [titles = '', ...lines] = formatTable(columns, nodes);
    console.say(console.bold(titles));
    for (const line of lines) console.say(line);
  }
  if (found.warning !== undefined) console.warn(`Note: ${found.warning}`, 'warning');
  if (found.weakestPack !== undefined) {
    const { spareShards } = found.weakestPack;
    if (spareShards < 0)
      console.warn('WARNING: some packs cannot be read now: too many of their nodes are offline.', 'unreadable-packs');
    else if (spareShards < parityShards) {
      console.warn(
        `Note: some packs can lose ${countOf(spareShards, 'more node')} only, until nodes come back.`,
        'weak-packs',
        { spareShards },
      );
    }
  }
}
