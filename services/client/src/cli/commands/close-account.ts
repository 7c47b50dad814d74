/** `holdfast close-account`: nothing is spent any more, and what is available goes back to its owner. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';
import { showWithdrawals } from './withdraw.ts';

export function define(command: Command, run: Run): void {
  command
    .description(
      'Ends all spending and withdraws everything that is available. What is stored stays until its paid terms end; what ' +
        'comes back from there is withdrawn by calling it again.',
    )
    .argument('<address>', 'where the money goes: an address of the mediator’s network')
    .action((address: string) => run((cli) => closeAccount(cli, address)));
}

async function closeAccount(cli: Cli, address: string): Promise<void> {
  const { lookIntoVault } = await import('../unlock.ts');
  const { changeMandate, readMandate, withdraw } = await import('../../vault/index.ts');
  const { formatSats } = await import('../format.ts');
  const { withdrawn, account } = await lookIntoVault(cli, async (client) => {
    // The money first: an address that is refused must not end anything.
    const paid = await withdraw(client, address, 'all');
    const vault = await client.mediator.getVault();
    if (readMandate(client, vault)?.monthlyLimitMsat !== 0n)
      await changeMandate(client, vault, { monthlyLimitSats: 0n });
    return { withdrawn: paid, account: await client.mediator.getAccount() };
  });
  await showWithdrawals(cli, [withdrawn]);
  const left = BigInt(account.heldMsat) + BigInt(account.reservedMsat);
  cli.console.say(
    left === 0n
      ? 'Nothing is held any more: the account is closed.'
      : `${formatSats(left)} are still held for what is stored; the terms run out, then call this again.`,
  );
}
