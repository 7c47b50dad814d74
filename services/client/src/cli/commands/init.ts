/** `holdfast init`: a new vault, this machine set up for it, and the recovery sheet in the user's hands. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addTermsOptions, type SpendingOptions, type TermsOptions } from '../terms-options.ts';
import type { Run } from '../verbs.ts';

interface Options extends TermsOptions, SpendingOptions {
  readonly mediator: string;
  readonly wordsFile?: string;
  readonly yes?: boolean;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Opens a new vault at a mediator, chooses a passphrase for the keys on this disk, and shows the recovery sheet: ' +
        'the 24 words from which all keys come. Nobody else has them, so write them down.',
    )
    .requiredOption('--mediator <address>', "the mediator's address, holdfast://HOST:PORT#FINGERPRINT");
  addTermsOptions(command)
    .option('--spend-limit <sat>', 'the most that the vault may cost per 30 days (default: 100000)')
    .option(
      '--words-file <file>',
      'write the recovery sheet to a new file instead of the terminal; - is standard output',
    )
    .option('-y, --yes', 'do not ask whether the words are written down')
    .addHelpText(
      'after',
      `
Examples:
  holdfast init --mediator holdfast://backup.example:7700#3f…
  holdfast init --mediator holdfast://backup.example:7700#3f… --policy 4+4 --region eu --max-price 40000

The mandate that this machine signs lets the mediator renew and repair within these limits while you sleep.
`,
    )
    .action((options: Options) => run((cli) => init(cli, options)));
}

async function init(cli: Cli, options: Options): Promise<void> {
  const { console, home } = cli;
  const { fail } = await import('@holdfast/protocol');
  const { checkHomeIsFree, initVault, meetMediator } = await import('../../recovery/index.ts');
  const { readSpending, readTerms } = await import('../terms.ts');
  const { askPassphrase } = await import('../unlock.ts');
  const terms = readTerms(options);
  const limits = readSpending(options);
  const showsSheet = options.wordsFile === undefined;
  if (showsSheet && (console.isJson || console.options.output.isTTY !== true)) throw fail('client.words-nowhere');
  await checkHomeIsFree(home);
  const mediator = await meetMediator(options.mediator);
  if (console.isInteractive) {
    console.ask('Choose a passphrase. It protects the keys on this disk; the 24 words open the vault without it.\n');
  }
  const passphrase = await askPassphrase(cli, { prompt: 'New passphrase: ', confirm: true });
  const { config, vault, spending, clientId, sheet } = await withSheetFile(options.wordsFile, (keepSheet) =>
    initVault({
      ...cli,
      mediator,
      terms,
      spending: limits,
      passphrase,
      ...(keepSheet === undefined ? {} : { keepSheet }),
    }),
  );
  const { dataShards, parityShards } = vault.policy;
  if (showsSheet) await showSheet(cli, sheet, options.yes === true);
  else if (options.wordsFile === '-') console.say(sheet);
  console.note(
    `Vault ${config.vaultId} is ready in ${home}: ${dataShards}+${parityShards}, any ${parityShards} of its ` +
      `${dataShards + parityShards} nodes may fail.`,
  );
  const { formatCount } = await import('../format.ts');
  console.note(
    `It may cost up to ${formatCount(spending.monthlyLimitSats)} sat a month, at nodes that ask up to ` +
      `${formatCount(spending.maxPriceSatPerTbMonth)} sat per TB and month; holdfast mandate changes that.`,
  );
  console.note(
    `Storing is paid a month ahead: holdfast deposit shows where to pay to; or the mediator's admin credits client ${clientId}.`,
  );
  if (vault.warning !== undefined) console.warn(`Note: ${vault.warning}`, 'warning');
  if (options.wordsFile !== undefined && options.wordsFile !== '-') {
    console.note(`The 24 words are in ${resolve(options.wordsFile)}: take them off this machine.`);
  }
  console.note('Next: holdfast add DIR, then holdfast backup.');
  console.result({
    home,
    vaultId: config.vaultId,
    network: config.network,
    mediator: config.mediator,
    mediatorId: config.mediatorId,
    policy: vault.policy,
    terms: vault.terms ?? {},
    clientId,
    spending: {
      monthlyLimitSats: String(spending.monthlyLimitSats),
      maxPriceSatPerTbMonth: String(spending.maxPriceSatPerTbMonth),
    },
    ...(options.wordsFile === undefined || options.wordsFile === '-' ? {} : { wordsFile: resolve(options.wordsFile) }),
    ...(options.wordsFile === '-' ? { sheet } : {}),
  });
}

/** The file is written before the vault exists, never over another one, and taken back when the vault could not be opened. */
async function withSheetFile<T>(
  wordsFile: string | undefined,
  work: (keepSheet?: (sheet: string) => Promise<void>) => Promise<T>,
): Promise<T> {
  if (wordsFile === undefined || wordsFile === '-') return work();
  const { writeNewFile } = await import('../files.ts');
  const path = resolve(wordsFile);
  let isWritten = false;
  try {
    return await work(async (sheet) => {
      await writeNewFile(path, sheet);
      isWritten = true;
    });
  } catch (error) {
    if (isWritten) await rm(path, { force: true });
    throw error;
  }
}

async function showSheet({ console, signal }: Cli, sheet: string, isSure: boolean): Promise<void> {
  console.say(`\n${sheet}`);
  if (isSure || !console.isInteractive) return;
  const { askLine } = await import('../ask.ts');
  for (;;) {
    const answer = await askLine(console, 'Have you written down the words and the address? Type yes: ', signal);
    if (answer.trim().toLowerCase() === 'yes') return;
    console.ask('Take your time: they are still above.\n');
  }
}
