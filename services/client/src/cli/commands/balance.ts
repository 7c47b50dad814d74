/** `holdfast balance`: the client's money, how long it lasts, and whom to credit. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

export function define(command: Command, run: Run): void {
  command
    .description(
      'Shows the money of this client at the mediator: what is available, what is held for agreements and reserved for open ' +
        'uploads, and how long it lasts. The client id is what an admin credits.',
    )
    .action(() => run(balance));
}

async function balance(cli: Cli): Promise<void> {
  const { formatRunway, formatSats, formatTable } = await import('../format.ts');
  const { lookIntoVault } = await import('../unlock.ts');
  const account = await lookIntoVault(cli, ({ mediator }) => mediator.getAccount());
  const rows = [
    ['Client', account.clientId],
    ['Available', formatSats(account.availableMsat)],
    ['Held', `${formatSats(account.heldMsat)}, for what is stored, up to the ends of its terms`],
    ['Reserved', `${formatSats(account.reservedMsat)}, for open uploads`],
    ['Runway', formatRunway(account)],
  ];
  for (const line of formatTable([{ title: '' }, { title: '' }], rows)) cli.console.say(line);
  if (account.warningDays !== undefined) {
    cli.console.warn('WARNING: data will be given up when the money runs out; have the client credited.', 'low-money', {
      runwayDays: account.runwayDays,
    });
  }
  cli.console.result({ ...account });
}
