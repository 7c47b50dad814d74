/** `holdfast passphrase`: another passphrase for the keys on this disk. */
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import type { Run } from '../verbs.ts';

interface Options {
  readonly newPassphraseFile?: string;
}

export function define(command: Command, run: Run): void {
  command
    .description(
      'Seals the keys on this disk under another passphrase. The vault and its 24 words stay the same; other machines keep theirs.',
    )
    .option('--new-passphrase-file <file>', 'read the new passphrase there instead of asking')
    .addHelpText('after', '\nExamples:\n  holdfast passphrase\n')
    .action((options: Options) => run((cli) => passphrase(cli, options)));
}

async function passphrase(cli: Cli, { newPassphraseFile }: Options): Promise<void> {
  const { resolvePassphrase } = await import('@holdfast/keys');
  const { changePassphrase, checkPassphrase } = await import('../../recovery/index.ts');
  const { askPassphrase } = await import('../unlock.ts');
  const { home, console, randomness } = cli;
  const oldPassphrase = await askPassphrase(cli, { prompt: 'Passphrase until now: ' });
  // Nobody wants to think of a new one for nothing.
  await checkPassphrase(home, oldPassphrase);
  const fresh =
    newPassphraseFile === undefined
      ? await askPassphrase(
          { ...cli, settings: { ...cli.settings, passphraseFile: null, passphraseCommand: null } },
          { prompt: 'New passphrase: ', confirm: true },
        )
      : (await resolvePassphrase({ file: newPassphraseFile })).passphrase;
  await changePassphrase({ home, oldPassphrase, newPassphrase: fresh, randomness });
  console.note('The passphrase is changed. The 24 words are the same as before.');
  if (cli.settings.passphraseFile !== null) {
    console.warn('Note: HOLDFAST_PASSPHRASE_FILE still holds the old passphrase.', 'note');
  }
  console.result({ changed: true });
}
