/** `holdfast verify-liabilities`: whether this client's money is part of what the mediator says that it owes. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly number?: string;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Every night the mediator signs what it owes altogether, as the root of a tree with a leaf for each client and node. ' +
        'This fetches the root and the proof of your leaf, verifies both, and compares the amount with your statement.',
    )
    .option('--number <n>', 'an older root; proofs are kept for 35 days')
    .addHelpText(
      'after',
      `
Exit status 0: your money is in it, and your statement agrees.
            3: it is in it; money moved all the time, so your statement was not compared.
            6: it is not, or not all of it. Keep what --json prints: the mediator signed it.

Examples:
  holdfast verify-liabilities
`,
    )
    .action((options: Options) => run((cli) => verify(cli, options)));
}

async function verify(cli: Cli, { number }: Options): Promise<number> {
  const { EXIT_CODES, fail } = await import('@holdfast/protocol');
  const { lookIntoVault } = await import('../unlock.ts');
  const { verifyOwnLiability } = await import('../liabilities.ts');
  if (number !== undefined && !/^[1-9][0-9]{0,8}$/.test(number)) {
    throw fail('client.usage', {
      detail: `--number takes the number of a root, not "${number}".`,
      command: 'verify-liabilities',
    });
  }
  const report = await lookIntoVault(cli, (vault) =>
    verifyOwnLiability(vault, number === undefined ? undefined : Number(number), (answer) =>
      cli.console.event('answer', { ...answer }),
    ),
  );
  const { formatCount, formatSats, formatTable } = await import('../format.ts');
  const { sequence, madeAtMs, totalMsat, leafCount, assets, amountMsat, freeMsat, boundMsat, inFlightMsat } = report;
  const rows = [
    ['Root', `number ${sequence}, of ${new Date(madeAtMs).toISOString()}, signed by the mediator`],
    ['It owes', `${formatSats(totalMsat)} to ${formatCount(BigInt(leafCount))} clients and nodes`],
    ...(assets === undefined
      ? []
      : [['It has', `${formatCount(assets.sats)} sat on the chain at block ${assets.tipHeight}, by its own word`]]),
    ['Yours', amountMsat === 0n ? 'nothing: no leaf is yours' : `${formatSats(amountMsat)}, proven to be in it`],
    [
      'Of that',
      `${formatSats(freeMsat)} available, ${formatSats(boundMsat)} held and reserved, ` +
        `${formatSats(inFlightMsat)} on its way to you`,
    ],
    ['Statement', report.isCompared ? 'says the same' : 'was not compared: money moved all the time'],
  ];
  for (const line of formatTable([{ title: '' }, { title: '' }], rows)) cli.console.say(line);
  cli.console.result({ ...report });
  return report.isCompared ? EXIT_CODES.ok : EXIT_CODES.incomplete;
}
