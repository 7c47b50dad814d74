/** `holdfast quote`: what storing would cost, on which nodes, and why not on the others. */
import type { Command } from 'commander';
import type { Quote, Terms } from '../../ports.ts';
import type { Cli } from '../cli.ts';
import { addTermsOptions, type TermsOptions } from '../terms-options.ts';
import type { Run } from '../verbs.ts';

interface Options extends TermsOptions {
  readonly bytes?: string;
  readonly mediator?: string;
}

const REFUSED_SHOWN = 20;

export function define(command: Command, run: Run): void {
  command
    .description(
      'Shows what the watched directories would cost a month at today’s offers: which nodes would hold them, which would not ' +
        'and why, and what one whole restore would cost. Binds nobody, stores nothing.',
    )
    .option('--bytes <size>', 'instead of the watched directories: 500GB, 1.5TB or a number of bytes')
    .option('--mediator <address>', 'before there is a vault: ask this mediator');
  addTermsOptions(command)
    .addHelpText(
      'after',
      `
Without terms (--policy, --max-price, --region, --avoid-operator) those of the vault's mandate are taken.
Prices are in satoshi per TB (10^12 bytes) and month (30 days), costs in satoshi.

Examples:
  holdfast quote
  holdfast quote --bytes 2TB
  holdfast quote --bytes 500GB --mediator holdfast://backup.example:7700#3f… --policy 4+4
`,
    )
    .action((options: Options) => run((cli) => quote(cli, options)));
}

async function quote(cli: Cli, options: Options): Promise<void> {
  const { readByteCount, readTerms } = await import('../terms.ts');
  const given = readTerms(options);
  const bytes =
    options.bytes === undefined ? await watchedBytes(cli, options) : readByteCount('--bytes', options.bytes);
  const found =
    options.mediator === undefined
      ? await quoteForVault(cli, bytes, given)
      : await quoteForStranger(options.mediator, bytes, given);
  await showQuote(cli, found);
  cli.console.result({ ...found });
}

async function watchedBytes({ home, signal, console }: Cli, options: Options): Promise<number> {
  const { fail } = await import('@holdfast/protocol');
  if (options.mediator !== undefined) {
    throw fail('client.usage', {
      detail: 'Without a vault, --bytes says how much there is to store.',
      command: 'quote',
    });
  }
  const { readClientConfig } = await import('../../config/index.ts');
  const { measureDirectories } = await import('../../scan/index.ts');
  const { directories } = await readClientConfig(home);
  if (directories.length === 0) throw fail('client.no-directories');
  const measure = await measureDirectories(directories, () => signal.throwIfAborted());
  if (measure.unreadableCount > 0) {
    const { countOf } = await import('../format.ts');
    const text = `Note: ${countOf(measure.unreadableCount, 'file or directory', 'files or directories')} could not be looked at.`;
    console.warn(text, 'note', { unreadableCount: measure.unreadableCount });
  }
  return measure.sizeBytes;
}

async function quoteForVault(cli: Cli, bytes: number, given: Terms): Promise<Quote> {
  const { lookIntoVault } = await import('../unlock.ts');
  const { mandatedTerms } = await import('../../vault/index.ts');
  return lookIntoVault(cli, async (client) => {
    const terms = mandatedTerms(client, await client.mediator.getVault());
    return client.mediator.quote(bytes, { ...terms, ...given });
  });
}

async function quoteForStranger(address: string, bytes: number, terms: Terms): Promise<Quote> {
  const { askQuote } = await import('../../recovery/index.ts');
  return askQuote(address, bytes, terms);
}

async function showQuote({ console }: Cli, quote: Quote): Promise<void> {
  const { countOf, formatBytes, formatCount, formatSats, formatTable } = await import('../format.ts');
  const { shortId } = await import('@holdfast/protocol');
  const { dataShards, parityShards } = quote.policy;
  console.say(
    `${formatBytes(quote.bytes)} as ${dataShards}+${parityShards}: ${formatBytes(quote.storedBytes)} on ` +
      `${dataShards + parityShards} nodes, any ${parityShards} of them may fail.`,
  );
  console.say();
  const columns = [
    { title: 'node' },
    { title: 'operator' },
    { title: 'region' },
    { title: 'sat/TB·month', align: 'right' as const },
  ];
  const rows = quote.chosen.map((node) => [
    shortId(node.nodeId),
    node.operator,
    node.region,
    formatCount(BigInt(node.priceSatPerTbMonth)),
  ]);
  const [titles = '', ...lines] = formatTable(columns, rows);
  console.say(console.bold(titles));
  for (const line of lines) console.say(line);
  console.say();
  console.say(`A month costs     ${formatSats(quote.monthlyCostMsat)}`);
  console.say(
    `  of that         ${quote.commissionPpm / 10_000} % are the mediator's commission, the rest is the nodes'`,
  );
  console.say(`A whole restore   ${formatSats(quote.restoreCostMsat)}`);
  console.say(`Nodes to spare    ${quote.spareNodes}`);
  if (quote.warning !== undefined) console.warn(`Note: ${quote.warning}`, 'warning');
  if (quote.refused.length === 0) return;
  console.say();
  console.say(`Not chosen (${countOf(quote.refused.length, 'node')}):`);
  const refused = quote.refused
    .slice(0, REFUSED_SHOWN)
    .map((node) => [shortId(node.nodeId), node.operator, node.sentence]);
  for (const line of formatTable([{ title: '' }, { title: '' }, { title: '' }], refused)) console.say(line);
  if (quote.refused.length > REFUSED_SHOWN)
    console.say(`… and ${quote.refused.length - REFUSED_SHOWN} more (--json lists them)`);
}
