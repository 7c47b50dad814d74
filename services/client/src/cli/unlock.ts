/** From the keystore and its passphrase to an open vault. */
import { keysFromWords, openKeystore, resolvePassphrase, type Words } from '@holdfast/keys';
import { HoldfastError } from '@holdfast/protocol';
import { readClientConfig } from '../config/index.ts';
import { keystorePath, readKeystore } from '../recovery/home.ts';
import type { OpenClient } from '../session.ts';
import type { Cli } from './cli.ts';

/** Typed ones only: a file or a command would say the same again. */
const ATTEMPTS = 3;

interface Question {
  readonly prompt?: string;
  /** A new one is asked for twice. */
  readonly confirm?: boolean;
}

/** Asks where the settings name no source; again when what was typed will not do. @throws HoldfastError as `resolvePassphrase` */
export async function askPassphrase(cli: Cli, question: Question = {}): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await askOnce(cli, question);
    } catch (error) {
      const isTypo = error instanceof HoldfastError && TYPOS.includes(error.code);
      if (!isTypo || !isTyped(cli) || attempt === ATTEMPTS) throw error;
      cli.console.ask(`${error.message} Try again.\n`);
    }
  }
}

const TYPOS: readonly string[] = ['passphrase.mismatch', 'passphrase.empty'];

const isTyped = ({ settings }: Cli): boolean => settings.passphraseFile === null && settings.passphraseCommand === null;

async function askOnce({ settings, console }: Cli, question: Question): Promise<string> {
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

/**
 * @param meanwhile called while a thread computes the passphrase's key: this one would only wait.
 * @throws HoldfastError `keystore.…`, `passphrase.…`
 */
async function unlockWords(cli: Cli, meanwhile: () => void): Promise<Words> {
  const file = await readKeystore(cli.home);
  for (let attempt = 1; ; attempt += 1) {
    const passphrase = await askPassphrase(cli);
    try {
      const opening = openKeystore(file, passphrase, keystorePath(cli.home));
      meanwhile();
      return await opening;
    } catch (error) {
      const isWrong = error instanceof HoldfastError && error.code === 'keystore.wrong-passphrase';
      if (!isWrong || !isTyped(cli) || attempt === ATTEMPTS) throw error;
      cli.console.ask(`${error.message} Try again.\n`);
    }
  }
}

const SHORT_PATIENCE_MS: readonly number[] = [250, 500, 1000];

/** For looking something up: who does that wants to know soon that the mediator is away, where a backup waits half a minute. */
export const lookIntoVault = <T>(
  cli: Cli,
  work: (vault: OpenClient) => Promise<T>,
  options?: VaultOptions,
): Promise<T> => withVault(cli, work, { mediatorRetryDelaysMs: SHORT_PATIENCE_MS, ...options });

interface VaultOptions {
  /** Loads what `work` will load: this fills the time while the keystore is opened. */
  readonly preload?: () => Promise<unknown>;
  readonly mediatorRetryDelaysMs?: readonly number[];
}

/**
 * Opens the vault of this home for as long as `work` lasts.
 * @throws HoldfastError `client.not-set-up`, `keystore.…`, `passphrase.…`, and what `work` throws
 */
export async function withVault<T>(
  cli: Cli,
  work: (vault: OpenClient) => Promise<T>,
  { preload, mediatorRetryDelaysMs }: VaultOptions = {},
): Promise<T> {
  const { home, clock, randomness, logger, signal } = cli;
  const config = await readClientConfig(home);
  const words = await unlockWords(cli, () => void Promise.all([import('../session.ts'), preload?.()]));
  const { openClient } = await import('../session.ts');
  const keys = keysFromWords(words);
  const vault = await openClient({
    home,
    config,
    keys,
    clock,
    randomness,
    logger,
    signal,
    ...(mediatorRetryDelaysMs === undefined ? {} : { mediatorRetryDelaysMs }),
  });
  try {
    return await work(vault);
  } finally {
    await vault.close();
  }
}
