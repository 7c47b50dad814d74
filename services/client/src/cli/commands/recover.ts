/** `holdfast recover`: a new machine from the 24 words and the mediator's address. */
import type { Command } from 'commander';
import type { Vault } from '../../ports.ts';
import type { readRecoverySheet, RecoverReport } from '../../recovery/index.ts';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

type Sheet = ReturnType<typeof readRecoverySheet>;

interface Options {
  readonly mediator?: string;
  readonly wordsFile?: string;
  readonly vault?: string;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Sets this machine up for a vault that exists, from its 24 words: finds the newest head among mediator and nodes, reads the ' +
        'index, and chooses a new passphrase for the keys on this disk. Restores nothing yet.',
    )
    .option('--mediator <address>', "the mediator's address from the recovery sheet, holdfast://HOST:PORT#FINGERPRINT")
    .option('--words-file <file>', 'read the words, or a whole recovery sheet, from a file; - is standard input')
    .option('--vault <id>', 'which one, where the words have several vaults')
    .addHelpText(
      'after',
      `
The words are asked for on the terminal and may be typed over several lines, in any case, with or without numbers.

Examples:
  holdfast recover --mediator holdfast://backup.example:7700#3f…
  holdfast recover --words-file sheet.txt
`,
    )
    .action((options: Options) => run((cli) => recover(cli, options)));
}

async function recover(cli: Cli, options: Options): Promise<void> {
  const { checkHomeIsFree, meetMediator, recoverVault } = await import('../../recovery/index.ts');
  const { askPassphrase } = await import('../unlock.ts');
  const { home, console } = cli;
  await checkHomeIsFree(home);
  if (options.mediator === undefined && options.wordsFile === undefined) throw await missingMediator();
  // A typing error in the address should show before the words are typed.
  let mediator = options.mediator === undefined ? undefined : await meetMediator(options.mediator);
  const sheet = await readWords(cli, options.wordsFile);
  if (mediator === undefined && sheet.mediator === undefined) throw await missingMediator();
  mediator ??= await meetMediator(sheet.mediator!);
  if (console.isInteractive)
    console.ask('Choose a passphrase for the keys on this disk; it need not be the old one.\n');
  const passphrase = await askPassphrase(cli, { prompt: 'New passphrase: ', confirm: true });
  const choose = (vaults: readonly Vault[]): Promise<Vault> => chooseVault(cli, vaults, options.vault);
  const report = await recoverVault({ ...cli, mediator, words: sheet.words, passphrase, choose });
  await showReport(cli, report);
  const { config, vault, ...found } = report;
  console.result({
    home,
    vaultId: config.vaultId,
    network: config.network,
    mediator: config.mediator,
    mediatorId: config.mediatorId,
    policy: vault.policy,
    storedBytes: vault.storedBytes,
    ...jsonReport(found),
  });
}

async function missingMediator(): Promise<Error> {
  const { fail } = await import('@holdfast/protocol');
  return fail('client.usage', {
    detail: 'The mediator is not known: --mediator says where the vault is.',
    command: 'recover',
  });
}

async function readWords(cli: Cli, wordsFile: string | undefined): Promise<Sheet> {
  const { console } = cli;
  if (wordsFile !== undefined) {
    const { readRecoverySheet } = await import('../../recovery/index.ts');
    const { readShortText } = await import('../files.ts');
    return readRecoverySheet(await readShortText(wordsFile, console.options.input));
  }
  if (!console.isInteractive) {
    const { fail } = await import('@holdfast/protocol');
    throw fail('client.usage', {
      detail: 'There is no terminal to ask for the words on: --words-file FILE, or - for standard input.',
      command: 'recover',
    });
  }
  return askWords(cli);
}

/** Asks again until they are right: whoever sits there can look at the sheet once more. */
async function askWords({ console, signal }: Cli): Promise<Sheet> {
  const { askLines } = await import('../ask.ts');
  const { WORD_COUNT } = await import('@holdfast/keys');
  const { HoldfastError } = await import('@holdfast/protocol');
  const { readRecoverySheet } = await import('../../recovery/index.ts');
  const hasAll = (text: string): boolean => (text.match(/\p{L}+/gu) ?? []).length >= WORD_COUNT;
  console.ask('Type the 24 words of the recovery sheet, in their order.\n');
  for (;;) {
    const text = await askLines(console, '> ', hasAll, signal);
    try {
      return readRecoverySheet(text);
    } catch (error) {
      if (!(error instanceof HoldfastError) || error.code !== 'words.invalid') throw error;
      console.ask(`${error.message}\nPlease type all of them again.\n`);
    }
  }
}

async function chooseVault(cli: Cli, vaults: readonly Vault[], wanted: string | undefined): Promise<Vault> {
  const { fail } = await import('@holdfast/protocol');
  const { formatBytes, formatTable, formatTime } = await import('../format.ts');
  const { console, signal } = cli;
  const find = (text: string): Vault | undefined => {
    const found = text.length < 4 ? [] : vaults.filter(({ vaultId }) => vaultId.startsWith(text.toLowerCase()));
    return found.length === 1 ? found[0] : undefined;
  };
  if (wanted !== undefined || !console.isInteractive) {
    const chosen = find(wanted ?? '');
    if (chosen !== undefined) return chosen;
    throw fail('client.choose-vault', { vaults: vaults.map(({ vaultId }) => vaultId).join(', ') });
  }
  const { askLine } = await import('../ask.ts');
  const rows = vaults.map((vault) => [vault.vaultId, formatTime(vault.createdAtMs), formatBytes(vault.storedBytes)]);
  const columns = [{ title: 'vault' }, { title: 'opened' }, { title: 'stored', align: 'right' as const }];
  console.ask(`These words have several vaults:\n${formatTable(columns, rows).join('\n')}\n`);
  for (;;) {
    const chosen = find((await askLine(console, 'Which one (its first digits): ', signal)).trim());
    if (chosen !== undefined) return chosen;
  }
}

async function showReport({ console, home, clock }: Cli, report: RecoverReport): Promise<void> {
  const { countOf, formatAgo, formatBytes, formatTime } = await import('../format.ts');
  const { showPath } = await import('../../restore/target-path.ts');
  const { latest, snapshotCount, vault, config } = report;
  console.note(`Vault ${config.vaultId} is set up in ${home}.`);
  console.say(`${countOf(snapshotCount, 'snapshot')}, ${formatBytes(vault.storedBytes)} stored at nodes.`);
  if (latest !== undefined) {
    const ago = formatAgo(clock.nowMs() - latest.createdAtMs);
    console.say(
      `Last backup ${formatTime(latest.createdAtMs)} (${ago}) on ${latest.hostName}: ` +
        `${countOf(latest.fileCount, 'file')}, ${formatBytes(latest.sizeBytes)}, of ${latest.roots.map(showPath).join(', ')}`,
    );
  }
  for (const warning of report.warnings) console.warn(`Note: ${warning}`, 'warning');
  console.note(
    snapshotCount === 0
      ? 'Nothing was ever backed up here. Next: holdfast add DIR, then holdfast backup.'
      : 'Next: holdfast restore --target DIR. To go on backing up from this machine: holdfast add DIR.',
  );
}

function jsonReport({ latest, ...rest }: Omit<RecoverReport, 'config' | 'vault'>): Record<string, unknown> {
  if (latest === undefined) return { ...rest };
  const { roots, ...about } = latest;
  return { ...rest, latest: { ...about, directories: roots.map((path) => Buffer.from(path).toString('utf8')) } };
}
