/** `holdfast agreements`: the storage contracts of this client, and how to end one. */
import type { Command } from 'commander';
import type { OpenClient } from '../../session.ts';
import type { Agreement } from '../../vault/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly all?: boolean;
  readonly end?: string;
  readonly yes?: boolean;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Shows the agreements of this client: which node stores how much of it, at which price, and what is held for it. The ' +
        'mediator opens and renews them within the mandate; each can be ended early.',
    )
    .option('--all', 'those that have ended, too')
    .option('--end <agreement>', 'end this one (its id, or how that begins): says what it means and asks first')
    .option('-y, --yes', 'with --end: do not ask')
    .action((options: Options) =>
      run((cli) => (options.end === undefined ? list(cli, options) : end(cli, options.end, options.yes === true))),
    );
}

async function list(cli: Cli, { all = false }: Options): Promise<void> {
  const { lookIntoVault } = await import('../unlock.ts');
  const { listAgreements } = await import('../../vault/index.ts');
  const found = await lookIntoVault(cli, async (client) => {
    const shown: Agreement[] = [];
    for await (const agreement of listAgreements(client)) if (all || agreement.state !== 'ended') shown.push(agreement);
    return shown;
  });
  const { formatBytes, formatCount, formatSats, formatTable } = await import('../format.ts');
  const { shortId } = await import('@holdfast/protocol');
  const columns = [
    { title: 'agreement' },
    { title: 'node' },
    { title: 'state' },
    { title: 'stored', align: 'right' as const },
    { title: 'sat/TB·month', align: 'right' as const },
    { title: 'held', align: 'right' as const },
  ];
  const rows = found.map((agreement) => [
    shortId(agreement.agreementId),
    shortId(agreement.nodeId),
    agreement.endedBy === undefined ? agreement.state : `ended (${agreement.endedBy})`,
    formatBytes(agreement.storedBytes),
    formatCount(BigInt(agreement.priceSatPerTbMonth)),
    formatSats(agreement.heldMsat),
  ]);
  const [titles = '', ...lines] = formatTable(columns, rows);
  if (found.length === 0) cli.console.say('There are none: backups make them.');
  else cli.console.say(cli.console.bold(titles));
  for (const line of lines) cli.console.say(line);
  cli.console.result({ agreements: found });
}

async function end(cli: Cli, start: string, isSure: boolean): Promise<void> {
  const { lookIntoVault } = await import('../unlock.ts');
  await lookIntoVault(cli, async (client) => endOne(cli, client, start, isSure));
}

async function endOne({ console, signal }: Cli, client: OpenClient, start: string, isSure: boolean): Promise<void> {
  const { endAgreement, findAgreement, foretellEnd } = await import('../../vault/index.ts');
  const { agreementId } = await findAgreement(client, start);
  const ending = await foretellEnd(client, agreementId);
  console.say(ending.sentence);
  const { askConsent } = await import('../ask.ts');
  if (!isSure && !(await askConsent(console, { sentence: ending.sentence, question: 'End it?' }, signal))) {
    console.say('Nothing was ended.');
    console.result({ agreementId, isEnded: false, ending });
    return;
  }
  const ended = await endAgreement(client, agreementId);
  console.say(`Agreement ${agreementId} has ended.`);
  console.result({ agreementId, isEnded: true, ending, agreement: ended });
}
