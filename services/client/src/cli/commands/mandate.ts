/** `holdfast mandate`: what the mediator may spend on the vault, shown or signed anew. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { SpendingOptions } from '../terms-options.ts';
import type { Run } from '../verbs.ts';

interface Options extends SpendingOptions {
  readonly maxPrice?: string;
  readonly region?: readonly string[];
  readonly avoidOperator?: readonly string[];
  readonly anyRegion?: boolean;
  readonly anyOperator?: boolean;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Shows the mandate: within it the mediator stores, renews and repairs, and never beyond it. With options, signs a new one; ' +
        'what is running is not touched by it. Backups renew it by themselves before it expires.',
    )
    .option('--spend-limit <sat>', 'the most that the vault may cost per 30 days; 0 lets everything run out')
    .option('--max-price <sat>', 'highest price of a node, in satoshi per TB and month')
    .option('--region <name...>', 'only nodes of these regions')
    .option('--any-region', 'nodes of all regions again')
    .option('--avoid-operator <name...>', 'no nodes of these operators')
    .option('--any-operator', 'nodes of all operators again')
    .action((options: Options) => run((cli) => mandate(cli, options)));
}

async function mandate(cli: Cli, options: Options): Promise<void> {
  const { readSpending } = await import('../terms.ts');
  const { lookIntoVault } = await import('../unlock.ts');
  const changes = {
    ...readSpending(options),
    ...(options.anyRegion === true ? { regions: [] } : options.region && { regions: [...options.region] }),
    ...(options.anyOperator === true
      ? { avoidOperators: [] }
      : options.avoidOperator && { avoidOperators: [...options.avoidOperator] }),
  };
  const { changeMandate, readMandate } = await import('../../vault/index.ts');
  const found = await lookIntoVault(cli, async (client) => {
    const vault = await client.mediator.getVault();
    if (Object.keys(changes).length === 0) return readMandate(client, vault);
    return changeMandate(client, vault, changes);
  });
  const { formatCount, formatSats, formatTable, formatTime } = await import('../format.ts');
  if (found === undefined) {
    cli.console.say('There is none yet: the next backup signs one, or give limits with --spend-limit.');
    cli.console.result({});
    return;
  }
  const rows = [
    ['A month costs', `at most ${formatSats(found.monthlyLimitMsat)}`],
    ['A node asks', `at most ${formatCount(found.maxPriceSatPerTbMonth)} sat per TB and month`],
    ['Regions', found.regions.length === 0 ? 'any' : found.regions.join(', ')],
    ['Not of', found.avoidOperators.length === 0 ? 'nobody is left out' : found.avoidOperators.join(', ')],
    ['Expires', `${formatTime(found.expiresAtMs)}; backups renew it before`],
  ];
  for (const line of formatTable([{ title: '' }, { title: '' }], rows)) cli.console.say(line);
  const { sequence, monthlyLimitMsat, maxPriceSatPerTbMonth, regions, avoidOperators, expiresAtMs } = found;
  cli.console.result({
    sequence,
    monthlyLimitMsat: String(monthlyLimitMsat),
    maxPriceSatPerTbMonth: String(maxPriceSatPerTbMonth),
    regions,
    avoidOperators,
    expiresAtMs,
  });
}
