/** A new machine from the 24 words: finds the vault, its newest head and its index, and sets a home up for it. */
import { unwrap } from '@holdfast/http-api';
import { type KdfCost, keysFromWords, sealKeystore, type Words } from '@holdfast/keys';
import { type Clock, createSilentLogger, type Logger, type Randomness } from '@holdfast/platform';
import { fail, HoldfastError, shortId } from '@holdfast/protocol';
import type { ClientConfig, ClientContext, Vault } from '../ports.ts';
import { learnPacks } from '../restore/open-snapshot.ts';
import { openClient } from '../session.ts';
import { createChunkReader, listSnapshots, PackAccess, readSnapshot, type VaultHead } from '../vault/index.ts';
import { findNewestHead, type NewestHead } from './find-newest-head.ts';
import { checkHomeIsFree, createHome } from './home.ts';
import { newConfig } from './init-vault.ts';
import type { KnownMediator } from './meet-mediator.ts';

export interface RecoverVaultOptions {
  readonly home: string;
  readonly mediator: KnownMediator;
  readonly words: Words;
  /** For the new keystore. */
  readonly passphrase: string;
  /** Asked when the words have several vaults. */
  readonly choose: (vaults: readonly Vault[]) => Promise<Vault>;
  readonly clock: Clock;
  readonly randomness: Randomness;
  readonly logger?: Logger;
  readonly signal: AbortSignal;
  readonly kdfCost?: KdfCost;
}

export interface RecoveredSnapshot {
  readonly snapshotId: string;
  readonly createdAtMs: number;
  readonly hostName: string;
  readonly fileCount: number;
  readonly sizeBytes: number;
  /** The directories in it, as bytes. */
  readonly roots: readonly Uint8Array[];
}

export interface RecoverReport {
  readonly config: ClientConfig;
  readonly vault: Vault;
  readonly snapshotCount: number;
  /** Undefined when nothing was ever backed up, or when too few nodes answer to read it now. */
  readonly latest?: RecoveredSnapshot;
  readonly head: Pick<NewestHead, 'fromNode' | 'mediatorSequence' | 'nodesAsked' | 'nodesAnswered'> & {
    readonly sequence: number;
  };
  /** Sentences about what is not as it should be. */
  readonly warnings: readonly string[];
}

/** @throws HoldfastError `keystore.exists`, `client.no-vaults`, `remote.unreachable` … */
export async function recoverVault(options: RecoverVaultOptions): Promise<RecoverReport> {
  const { home, mediator, words, randomness } = options;
  await checkHomeIsFree(home);
  const keys = keysFromWords(words);
  const open = (config: ClientConfig): ReturnType<typeof openClient> =>
    openClient({
      home,
      config,
      keys,
      clock: options.clock,
      randomness,
      logger: options.logger ?? createSilentLogger(),
      signal: options.signal,
    });
  const vault = await findVault(open, newConfig(mediator, '0'.repeat(32), randomness), options.choose);
  const config = newConfig(mediator, vault.vaultId, randomness);
  const cost = options.kdfCost === undefined ? {} : { cost: options.kdfCost };
  const keystore = await sealKeystore({ words, passphrase: options.passphrase, randomness, ...cost });
  const found = await createHome(home, { config, keystore }, async () => {
    const client = await open(config);
    try {
      return await readVault(client, options.signal);
    } finally {
      await client.close();
    }
  });
  return { config, vault, ...found };
}

async function findVault(
  open: (config: ClientConfig) => ReturnType<typeof openClient>,
  config: ClientConfig,
  choose: RecoverVaultOptions['choose'],
): Promise<Vault> {
  const client = await open(config);
  try {
    const { vaults } = await unwrap(client.mediatorApi.GET('/v1/vaults'));
    if (vaults.length === 0) throw fail('client.no-vaults', { clientId: shortId(client.clientId) });
    return vaults.length === 1 ? vaults[0]! : await choose(vaults);
  } finally {
    await client.close();
  }
}

async function readVault(client: ClientContext, signal: AbortSignal): Promise<Omit<RecoverReport, 'config' | 'vault'>> {
  const newest = await findNewestHead(client, signal);
  const { head, fromNode, mediatorSequence, nodesAsked, nodesAnswered } = newest;
  const warnings = await bringMediatorUpToDate(client, newest);
  const about = { sequence: head?.sequence ?? 0, fromNode, mediatorSequence, nodesAsked, nodesAnswered };
  if (head === undefined) return { snapshotCount: 0, head: about, warnings };
  const access = new PackAccess(client, { signal });
  try {
    await learnPacks(client, access, head);
    return { ...(await readSnapshots(client, access, head)), head: about, warnings };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof HoldfastError)) throw error;
    const later = `The index cannot be read now: ${error.message} It is read at the next command that needs it.`;
    return { snapshotCount: head.content.snapshots.length, head: about, warnings: [...warnings, later] };
  }
}

/** A newer head that only a node has is given to the mediator, which lost it; its signature says whose it is. */
async function bringMediatorUpToDate(
  client: ClientContext,
  { head, fromNode, mediatorSequence }: NewestHead,
): Promise<string[]> {
  if (fromNode === undefined || head?.token === undefined) return [];
  const behind = `The mediator's head (sequence ${mediatorSequence}) is older than the one of node ${shortId(fromNode)} (${head.sequence})`;
  try {
    await client.mediator.putHead(head.token);
    return [`${behind}; the mediator has the newer one now.`];
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    return [`${behind}, and it did not take the newer one: ${detail} Tell the mediator's admin.`];
  }
}

async function readSnapshots(
  client: ClientContext,
  access: PackAccess,
  head: VaultHead,
): Promise<Pick<RecoverReport, 'snapshotCount' | 'latest'>> {
  const getChunk = createChunkReader(client, access);
  const snapshots = await listSnapshots(head, getChunk);
  const entry = snapshots.at(-1);
  if (entry === undefined) return { snapshotCount: 0 };
  const { snapshotId, createdAtMs, hostName, statistics, roots } = await readSnapshot(entry, getChunk);
  const { fileCount, sizeBytes } = statistics;
  const latest = { snapshotId, createdAtMs, hostName, fileCount, sizeBytes, roots: roots.map(({ path }) => path) };
  return { snapshotCount: snapshots.length, latest };
}
