/** `holdfast withdraw`: takes money out over the chain, shows how far that is, or takes it back. */
import { fail } from '@holdfast/protocol';
import type { Command } from 'commander';
import type { Withdrawal } from '../../vault/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly cancel?: string;
}

const MAX_SATS = 2_100_000_000_000_000;

export function define(command: Command, run: Run): void {
  command
    .description(
      'Takes money out to a Bitcoin address. It leaves what is available at once and goes with the next batch; the share of the ' +
        'network’s fee is taken from it. Without arguments: shows the withdrawals there were.',
    )
    .argument('[address]', 'where the money goes: an address of the mediator’s network')
    .argument('[sats]', 'how much, in satoshi, or: all')
    .option('--cancel <id>', 'takes a withdrawal back that is still waiting')
    .action((address: string | undefined, sats: string | undefined, options: Options) =>
      run((cli) => withdrawal(cli, address, sats, options)),
    );
}

async function withdrawal(
  cli: Cli,
  address: string | undefined,
  sats: string | undefined,
  { cancel }: Options,
): Promise<void> {
  const wanted = address === undefined ? undefined : { address, sats: readSats(sats) };
  const { lookIntoVault } = await import('../unlock.ts');
  const { cancelWithdrawal, listWithdrawals, withdraw } = await import('../../vault/index.ts');
  const shown = await lookIntoVault(cli, async (client) => {
    if (cancel !== undefined) return [await cancelWithdrawal(client, cancel)];
    if (wanted !== undefined) return [await withdraw(client, wanted.address, wanted.sats)];
    return (await listWithdrawals(client)).withdrawals;
  });
  await showWithdrawals(cli, shown);
}

function readSats(text = ''): number | 'all' {
  if (text === 'all') return 'all';
  const sats = /^[1-9][0-9]{0,15}$/.test(text) ? Number(text) : Number.NaN;
  if (!(sats <= MAX_SATS)) {
    throw fail('client.bad-option', { option: 'sats', value: text, wanted: 'a number of satoshi, or: all' });
  }
  return sats;
}

const STATES: Readonly<Record<Withdrawal['state'], string>> = {
  waiting: 'waits for the next batch',
  paying: 'on its way',
  paid: 'paid',
  voided: 'was not possible; the money is available again',
  cancelled: 'cancelled; the money is available again',
};

async function showWithdrawals(cli: Cli, withdrawals: readonly Withdrawal[]): Promise<void> {
  if (withdrawals.length === 0) cli.console.say('Nothing was withdrawn yet: holdfast withdraw ADDRESS SATS');
  for (const line of await withdrawalLines(withdrawals)) cli.console.say(line);
  cli.console.result({ withdrawals: withdrawals.map((one) => ({ ...one })) });
}

/** For people. */
export async function withdrawalLines(withdrawals: readonly Withdrawal[]): Promise<string[]> {
  const { formatCount, formatTable, formatTime } = await import('../format.ts');
  return withdrawals.flatMap((one) => {
    const fee =
      one.feeShareSats === undefined ? '' : `, less ${formatCount(BigInt(one.feeShareSats))} sat for the network`;
    const rows = [
      ['Withdrawal', one.withdrawalId],
      ['Asked for', formatTime(one.requestedAtMs)],
      ['Amount', `${formatCount(BigInt(one.amountSats))} sat${fee}`],
      ['To', one.address],
      ['State', STATES[one.state]],
      ...(one.txid === undefined ? [] : [['Transaction', one.txid]]),
    ];
    return formatTable([{ title: '' }, { title: '' }], rows);
  });
}
