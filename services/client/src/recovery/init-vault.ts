/** Opens a new vault and sets this machine up for it: all of it or nothing. */
import { createWords, type KdfCost, keysFromWords, sealKeystore } from '@holdfast/keys';
import { unwrap } from '@holdfast/http-api';
import type { Clock, Logger, Randomness } from '@holdfast/platform';
import { toHex } from '@holdfast/protocol';
import type { ClientConfig, Terms, Vault } from '../ports.ts';
import { openClient } from '../session.ts';
import { changeMandate, spendingFor, type SpendingTerms } from '../vault/index.ts';
import { checkHomeIsFree, createHome } from './home.ts';
import type { KnownMediator } from './meet-mediator.ts';
import { recoverySheet } from './recovery-sheet.ts';

export interface InitVaultOptions {
  readonly home: string;
  readonly mediator: KnownMediator;
  /** What is left out, the mediator chooses. */
  readonly terms: Terms;
  /** For the mandate, where it differs from the default. */
  readonly spending?: Partial<SpendingTerms>;
  readonly passphrase: string;
  /** Called with the recovery sheet before the vault exists: when it fails, nothing was done. */
  readonly keepSheet?: (sheet: string) => Promise<void>;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger?: Logger;
  readonly signal?: AbortSignal;
  /** Of the keystore's passphrase; lower only in tests. */
  readonly kdfCost?: KdfCost;
}

export interface InitReport {
  readonly config: ClientConfig;
  readonly vault: Vault;
  /** What the mandate allows. */
  readonly spending: SpendingTerms;
  /** To be credited. */
  readonly clientId: string;
  readonly sheet: string;
}

const SHORT_ID_BYTES = 16;

/** @throws HoldfastError `keystore.exists`, `client.bad-directory`, and what the mediator answers to terms: `policy.…`, `market.…` */
export async function initVault(options: InitVaultOptions): Promise<InitReport> {
  const { home, mediator, terms, clock, randomness } = options;
  await checkHomeIsFree(home);
  const words = createWords(randomness);
  const config = newConfig(mediator, toHex(randomness.bytes(SHORT_ID_BYTES)), randomness);
  const { vaultId, network } = config;
  const keystore = await sealKeystore({
    words,
    passphrase: options.passphrase,
    randomness,
    ...(options.kdfCost === undefined ? {} : { cost: options.kdfCost }),
  });
  const sheet = recoverySheet({ words, mediator: config.mediator, vaultId, network, createdAtMs: clock.nowMs() });
  const spending = { ...spendingFor(terms), ...options.spending };
  const { vault, clientId } = await createHome(home, { config, keystore }, async () => {
    await options.keepSheet?.(sheet);
    const client = await openClient({
      home,
      config,
      keys: keysFromWords(words),
      clock,
      randomness,
      ...(options.logger === undefined ? {} : { logger: options.logger }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    try {
      const opened = await unwrap(client.mediatorApi.POST('/v1/vaults', { body: { vaultId, terms } }));
      await changeMandate(client, opened, spending);
      return { vault: opened, clientId: client.clientId };
    } finally {
      await client.close();
    }
  });
  return { config, vault, spending, clientId, sheet };
}

export function newConfig(
  { address, caPem, info }: KnownMediator,
  vaultId: string,
  randomness: Randomness,
): ClientConfig {
  return {
    version: 1,
    mediator: address,
    caPem,
    mediatorId: info.mediatorId,
    network: info.network,
    vaultId,
    machineId: toHex(randomness.bytes(SHORT_ID_BYTES)),
    directories: [],
  };
}
