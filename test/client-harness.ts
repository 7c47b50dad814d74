/** Clients for journeys: homes with a vault each, opened in this process; the same homes serve the real command line. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  backup,
  type BackupReport,
  initVault,
  meetMediator,
  openClient,
  type OpenClient,
  type OpenClientOptions,
  readRecoverySheet,
  restore,
  type RestoreOptions,
  type RestoreReport,
  type Terms,
} from '@holdfast/client';
import { changePassphrase, keysFromWords } from '@holdfast/keys';
import { systemClock, systemRandomness } from '@holdfast/platform';
import type { Network } from './network.ts';

/** As much as a client needs to know. */
export type KnownNetwork = Pick<Network, 'clock'> & { readonly mediator: Pick<Network['mediator'], 'address'> };

/** Cheap to try, for tests only. */
export const TEST_KDF_COST = { memoryKib: 8192, passes: 1, lanes: 1 } as const;
export const PASSPHRASE = 'a passphrase of the journeys';

export interface TestClient {
  readonly home: string;
  readonly passphraseFile: string;
  readonly vaultId: string;
  /** The recovery sheet as `init` wrote it. */
  readonly sheet: string;
  readonly words: string;
  /** Runs `work` with the vault open. */
  use<T>(work: (client: OpenClient) => Promise<T>, options?: Partial<OpenClientOptions>): Promise<T>;
  backup(directories: readonly string[], options?: Parameters<typeof backup>[1]): Promise<BackupReport>;
  restore(target: string, options?: Partial<RestoreOptions>): Promise<RestoreReport>;
}

/** Directories of one journey, removed together. */
export interface Scratch {
  readonly path: string;
  remove(): Promise<void>;
}

export async function makeScratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-journey-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export interface NewClientOptions {
  /** A directory that is made. */
  readonly home: string;
  readonly terms?: Terms;
  /** Beside the network's own: what every opening of this client gets. */
  readonly open?: Partial<OpenClientOptions>;
}

/** A new vault at the network's mediator. */
export async function createTestClient(network: KnownNetwork, options: NewClientOptions): Promise<TestClient> {
  const { home } = options;
  const { sheet, config } = await initVault({
    home,
    mediator: await meetMediator(network.mediator.address),
    terms: options.terms ?? {},
    passphrase: PASSPHRASE,
    clock: systemClock,
    randomness: systemRandomness,
    kdfCost: TEST_KDF_COST,
  });
  const passphraseFile = `${home}.passphrase`;
  await writeFile(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  return {
    ...clientAt(home, readRecoverySheet(sheet).words, network, options.open),
    passphraseFile,
    sheet,
    vaultId: config.vaultId,
  };
}

/**
 * Seals the keystore that the real command line made again, cheap to open: at its own cost each further command would take a
 * fifth of a second more.
 */
export async function cheapenKeystore(client: {
  readonly home: string;
  readonly passphraseFile?: string;
}): Promise<void> {
  const path = join(client.home, 'keystore');
  const passphrase = (await readFile(client.passphraseFile!, 'utf8')).trimEnd();
  const file = await changePassphrase({
    file: await readFile(path),
    oldPassphrase: passphrase,
    newPassphrase: passphrase,
    randomness: systemRandomness,
    cost: TEST_KDF_COST,
  });
  await writeFile(path, file);
}

/** A client whose home is set up already, opened with its words. */
export function clientAt(
  home: string,
  words: ReturnType<typeof readRecoverySheet>['words'],
  network: KnownNetwork,
  open: Partial<OpenClientOptions> = {},
): Pick<TestClient, 'home' | 'words' | 'use' | 'backup' | 'restore'> {
  const use = async <T>(
    work: (client: OpenClient) => Promise<T>,
    more: Partial<OpenClientOptions> = {},
  ): Promise<T> => {
    const client = await openClient({ home, keys: keysFromWords(words), clock: network.clock, ...open, ...more });
    try {
      return await work(client);
    } finally {
      await client.close();
    }
  };
  return {
    home,
    words,
    use,
    backup: (directories, options) => use((client) => backup(client, { directories, ...options })),
    restore: (target, options) =>
      use((client) =>
        restore(client, {
          snapshot: 'latest',
          target,
          include: [],
          existing: 'fail',
          stallTimeoutMs: 10_000,
          ...options,
        }),
      ),
  };
}
