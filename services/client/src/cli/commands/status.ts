/** `holdfast status`: is everything all right? */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';
import type { LocalStatus, VaultStatus } from '../vault-status.ts';

export function define(command: Command, run: Run): void {
  command
    .description(
      'Shows the vault with its policy, the last snapshot, what is stored and what a month of it costs, the watched directories, ' +
        'and the nodes that hold the data.',
    )
    .addHelpText('after', '\nThe month’s cost is an estimate: stored bytes at what each node asks today.\n')
    .action(() => run(status));
}

const runwayOf = async (money: VaultStatus['money']): Promise<string> =>
  (await import('../format.ts')).formatRunway(money);

const loadStatus = () => import('../vault-status.ts');

async function status(cli: Cli): Promise<number> {
  const { EXIT_CODES, HoldfastError } = await import('@holdfast/protocol');
  const { readClientConfig } = await import('../../config/index.ts');
  const { lookIntoVault } = await import('../unlock.ts');
  try {
    const found = await lookIntoVault(cli, async (vault) => (await loadStatus()).readVaultStatus(vault, cli.signal), {
      preload: loadStatus,
    });
    await show(cli, found);
    cli.console.result({ home: cli.home, isReachable: true, ...found });
    return EXIT_CODES.ok;
  } catch (error) {
    if (!(error instanceof HoldfastError) || error.exitCode !== EXIT_CODES.unavailable) throw error;
    // What this machine knows by itself is worth showing all the same.
    const { code, message, next } = error;
    const { localStatus } = await loadStatus();
    const found = localStatus(await readClientConfig(cli.home));
    await showLocal(cli, found, `${message} [${code}]`);
    cli.console.say(next);
    cli.console.result({ home: cli.home, isReachable: false, ...found, code, message, next });
    return error.exitCode;
  }
}

async function showLocal({ console, home }: Cli, found: LocalStatus, trouble: string): Promise<void> {
  const { formatTable } = await import('../format.ts');
  const rows = [
    ['Vault', `${found.vaultId} on ${found.network}, in ${home}`],
    ['Mediator', `${placeOf(found)} (NOT REACHABLE)`],
    ['Directories', directoriesOf(found)],
  ];
  for (const line of formatTable([{ title: '' }, { title: '' }], rows)) console.say(line);
  console.say();
  console.say(trouble);
}

const placeOf = ({ mediator }: LocalStatus): string => mediator.replace(/#.*/, '');
const directoriesOf = ({ directories }: LocalStatus): string =>
  directories.length === 0 ? 'none yet: holdfast add DIR' : directories.join(', ');

async function show(cli: Cli, found: VaultStatus): Promise<void> {
  const { countOf, formatAgo, formatBytes, formatSats, formatTable, formatTime } = await import('../format.ts');
  const { console, clock, home } = cli;
  const { dataShards, parityShards } = found.policy;
  const { last } = found;
  const rows = [
    ['Vault', `${found.vaultId} on ${found.network}, in ${home}`],
    ['Mediator', `${placeOf(found)} (reachable)`],
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
    [
      'Money',
      `${formatSats(found.money.availableMsat)} available, ${formatSats(found.money.heldMsat)} held for what is stored`,
    ],
    ['Runway', await runwayOf(found.money)],
    ['Directories', directoriesOf(found)],
  ];
  for (const line of formatTable([{ title: '' }, { title: '' }], rows)) console.say(line);
  await showNodes(cli, found);
  if (found.warning !== undefined) console.warn(`Note: ${found.warning}`, 'warning');
  const spare = found.weakestPack?.spareShards ?? parityShards;
  if (spare < 0) {
    const text = 'WARNING: some packs cannot be read now, because too many of their nodes are offline.';
    console.warn(text, 'unreadable-packs', { spareShards: spare });
  } else if (spare < parityShards) {
    const text = `Note: some packs bear the loss of only ${countOf(spare, 'more node')} until others come back.`;
    console.warn(text, 'weak-packs', { spareShards: spare });
  }
}

async function showNodes({ console }: Cli, { nodes }: VaultStatus): Promise<void> {
  if (nodes.length === 0) return;
  const { countOf, formatBytes, formatTable } = await import('../format.ts');
  const { shortId } = await import('@holdfast/protocol');
  const columns = [
    { title: 'node' },
    { title: 'operator' },
    { title: 'region' },
    { title: 'shards', align: 'right' as const },
    { title: 'stored', align: 'right' as const },
    { title: 'state' },
  ];
  const rows = nodes.map((node) => [
    shortId(node.nodeId),
    node.operator,
    node.region,
    String(node.shardCount),
    formatBytes(node.storedBytes),
    `${node.online ? 'online' : 'OFFLINE'}${node.lostCount > 0 ? `, ${countOf(node.lostCount, 'shard')} lost` : ''}`,
  ]);
  const [titles = '', ...lines] = formatTable(columns, rows);
  console.say();
  console.say(console.bold(titles));
  for (const line of lines) console.say(line);
}
