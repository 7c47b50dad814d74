/** From the keystore and its passphrase to an open vault. */
import { keysFromWords, openKeystore, resolvePassphrase, type Words } from '@holdfast/keys';
import { HoldfastError } from '@holdfast/protocol';
import { readClientConfig } from '../config/index.ts';
import { readKeystore, keystorePath } from '../recovery/index.ts';
import { openClient, type OpenClient } from '../session.ts';
import type { Cli } from './cli.ts';

/** Typed ones only: a file or a command would say the same again. */
const ATTEMPTS = 3;

/** Asks where the settings name no source. @throws HoldfastError as `resolvePassphrase` */
export async function askPassphrase(
  { settings, console }: Cli,
  question: { readonly prompt?: string; readonly confirm?: boolean } = {},
): Promise<string> {
  const { input, errors } = console.options;
  const { passphrase, warnings } = await resolvePassphrase({
    file: settings.passphraseFile,
    command: settings.passphraseCommand,
    ...(console.isInteractive ? { terminal: { input, output: errors as unknown as NodeJS.WritableStream } } : {}),
    ...question,
  });
  for (const warning of warnings) console.warn(`Note: ${warning}`, 'note');
  return passphrase;
}

/** @throws HoldfastError `client.not-set-up`, `keystore.…`, `passphrase.…` */
export async function unlockWords(cli: Cli): Promise<Words> {
  const file = await readKeystore(cli.home);
  const { settings, console } = cli;
  const isTyped = settings.passphraseFile === null && settings.passphraseCommand === null;
  for (let attempt = 1; ; attempt += 1) {
    const passphrase = await askPassphrase(cli);
    try {
      return await openKeystore(file, passphrase, keystorePath(cli.home));
    } catch (error) {
      const isWrong = error instanceof HoldfastError && error.code === 'keystore.wrong-passphrase';
      if (!isWrong || !isTyped || attempt === ATTEMPTS) throw error;
      console.ask('The passphrase is wrong, try again.\n');
    }
  }
}

/** Opens the vault of this home for as long as `work` lasts. */
export async function withVault<T>(cli: Cli, work: (vault: OpenClient) => Promise<T>): Promise<T> {
  const { home, clock, randomness, logger, signal } = cli;
  const config = await readClientConfig(home);
  const keys = keysFromWords(await unlockWords(cli));
  const vault = await openClient({ home, config, keys, clock, randomness, logger, signal });
  try {
    return await work(vault);
  } finally {
    await vault.close();
  }
}
