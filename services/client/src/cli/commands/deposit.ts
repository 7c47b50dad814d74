/** `holdfast deposit`: where to pay to, how much is worth it, and what became of what was paid. */
import type { Command } from 'commander';
import type { ClientContext } from '../../ports.ts';
import type { Cli } from '../cli.ts';
import type { DepositList, DepositPlace } from '../deposits.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly sats?: string;
  readonly new?: boolean;
  readonly qr: boolean;
  readonly wait?: boolean;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Shows the Bitcoin address that pays into your account, as text, as a link and as a QR code, what 30 days of what is ' +
        'stored cost, and your deposits. Changes nothing; the address is yours alone.',
    )
    .option('--sats <amount>', 'put this amount into link and QR code')
    .option('--new', 'another address, though nothing came to the last one')
    .option('--no-qr', 'no QR code')
    .option('--wait', 'stay until what is paid now is credited')
    .addHelpText(
      'after',
      `
A deposit is seen at once, and credited when the chain confirms it. What the chain takes away again is taken back.

Examples:
  holdfast deposit
  holdfast deposit --sats 50000 --wait
`,
    )
    .action((options: Options) => run((cli) => deposit(cli, options)));
}

const POLL_MS = 5_000;
const MOST_SATS = 2_100_000_000_000_000n;

async function deposit(cli: Cli, options: Options): Promise<void> {
  const { lookIntoVault } = await import('../unlock.ts');
  const sats = await readSats(options.sats);
  await lookIntoVault(cli, async (vault) => {
    const { listDeposits, readDepositPlace } = await import('../deposits.ts');
    const place = await readDepositPlace(vault, { ...(sats !== undefined && { sats }), isNew: options.new === true });
    let list = await listDeposits(vault);
    await showPlace(cli, place, options.qr);
    await showDeposits(cli, list);
    if (options.wait === true) list = await waitFor(cli, vault, place.address);
    cli.console.result({ ...place, ...list });
  });
}

async function readSats(text: string | undefined): Promise<bigint | undefined> {
  if (text === undefined) return undefined;
  const { fail } = await import('@holdfast/protocol');
  const sats = /^[0-9]{1,16}$/.test(text) ? BigInt(text) : 0n;
  if (sats === 0n || sats > MOST_SATS) {
    throw fail('client.usage', {
      detail: `--sats takes a whole number of satoshi, not "${text}".`,
      command: 'deposit',
    });
  }
  return sats;
}

async function showPlace({ console }: Cli, place: DepositPlace, hasCode: boolean): Promise<void> {
  const { formatCount, formatSats, formatTable } = await import('../format.ts');
  const { address, link, network, confirmations, large, monthlyCostMsat, money, owedMsat } = place;
  if (hasCode && !console.isJson) {
    const { renderUnicodeCompact } = await import('uqr');
    console.note(renderUnicodeCompact(link));
    console.note();
  }
  const isLarge = large === undefined ? '' : `; ${large.confirmations} for ${formatCount(large.sats)} sat or more`;
  const rows = [
    ['Address', address],
    ['Link', link],
    ['Network', network],
    ['Credited', `after ${confirmations} confirmations${isLarge}`],
    [
      '30 days',
      monthlyCostMsat === 0n ? 'nothing is stored yet' : `of what is stored cost about ${formatSats(monthlyCostMsat)}`,
    ],
    ['Available', formatSats(money.availableMsat)],
    ...(owedMsat === 0n
      ? []
      : [['Owed', `${formatSats(owedMsat)}, for deposits that were taken back: it is repaid first`]]),
  ];
  for (const line of formatTable([{ title: '' }, { title: '' }], rows)) console.say(line);
}

async function showDeposits({ console, clock }: Cli, { deposits }: DepositList): Promise<void> {
  const { formatAgo, formatCount, formatTable } = await import('../format.ts');
  const { describeDeposit } = await import('../deposits.ts');
  console.say();
  if (deposits.length === 0) return console.say('No deposits yet.');
  const rows = deposits.map((one) => [
    `${formatCount(BigInt(one.sats))} sat`,
    describeDeposit(one),
    formatAgo(clock.nowMs() - one.seenAtMs),
    `${one.txid}:${one.vout}`,
  ]);
  const columns = [{ title: 'AMOUNT' }, { title: 'STATE' }, { title: 'SEEN' }, { title: 'TRANSACTION' }];
  for (const line of formatTable(columns, rows)) console.say(line);
}

/** Until something that came to this address is credited; says what happens meanwhile. */
async function waitFor(cli: Cli, vault: ClientContext, address: string): Promise<DepositList> {
  const { describeDeposit, listDeposits } = await import('../deposits.ts');
  cli.console.note();
  cli.console.note('Waiting for the deposit; Ctrl-C ends only the waiting.');
  let told = '';
  for (;;) {
    const list = await listDeposits(vault);
    const mine = list.deposits.filter((one) => one.address === address);
    const state = mine.map((one) => `${one.sats} sat ${describeDeposit(one)}`).join(', ');
    if (state !== told) {
      cli.console.note(state);
      cli.console.event('deposit', { deposits: mine });
    }
    told = state;
    if (mine.length > 0 && mine.every((one) => one.state !== 'seen')) return list;
    await cli.clock.sleep(POLL_MS, cli.signal);
  }
}
