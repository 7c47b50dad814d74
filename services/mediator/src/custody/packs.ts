/** Committing, finding and dropping packs. */
import type { Clock } from '@holdfast/platform';
import { fail, openMessage, packDrop } from '@holdfast/protocol';
import { checkClock } from '../accounts/index.ts';
import { checkPacks, type OfferedPack } from './check-commit.ts';
import type { MaskKeySeal } from './mask-keys.ts';
import type { PackPlaces, PackStore, VaultName, VaultStore } from './ports.ts';
import { isOnline } from '../nodes/index.ts';
import { grantRead, openReadKeys } from './read-grants.ts';
import type { GrantedNode, GrantSigner } from './uploads.ts';
import { findVault } from './vaults.ts';

export interface PacksOptions {
  readonly vaults: VaultStore;
  readonly packs: PackStore;
  readonly signer: GrantSigner;
  readonly maskKeys: MaskKeySeal;
  readonly clock: Clock;
  /** So long after its grants expired an upload still takes commits of what was written in time. */
  readonly commitGraceMs: number;
  readonly getGrantTtlMs: number;
  readonly offlineAfterMs: number;
}

/** @throws HoldfastError whatever `checkPacks` and `PackStore.commit` throw */
export async function commitPacks(
  options: PacksOptions,
  name: VaultName & { uploadId: string },
  offered: readonly OfferedPack[],
): Promise<string[]> {
  const { policy } = await findVault(options.vaults, name);
  const packs = await checkPacks(offered, { ...name, policy }, options.signer.context, options.maskKeys);
  const nowMs = options.clock.nowMs();
  await options.packs.commit(name, packs, { nowMs, endExpiredBeforeMs: nowMs - options.commitGraceMs });
  return packs.map(({ packId }) => packId);
}

/** Packs that the vault never had are left out. @throws HoldfastError `message.*`, `vault.unknown`, `auth.not-yours` */
export async function dropPacks(options: PacksOptions, name: VaultName, token: string): Promise<string[]> {
  const drop = openMessage(packDrop, options.signer.context, token);
  const nowMs = options.clock.nowMs();
  checkClock(drop.signedAtMs, nowMs);
  if (drop.clientId !== name.clientId || drop.vaultId !== name.vaultId) throw fail('auth.not-yours', { what: 'vault' });
  await findVault(options.vaults, name);
  // The space counts again once a node has carried the order out and says so.
  return options.packs.drop(name, [...new Set(drop.packIds)], nowMs);
}

/** @throws HoldfastError `vault.unknown` */
export async function listPacks(
  options: PacksOptions,
  name: VaultName,
  page: { after?: string; limit: number },
): Promise<string[]> {
  await findVault(options.vaults, name);
  return options.packs.list(name, page);
}

/**
 * Where the packs are, and a grant to read at each node: the first for the first of the reader's keys, and so on, from the
 * first key again when there are more nodes.
 * @throws HoldfastError `vault.unknown`, `message.*`, `auth.not-yours`
 */
export async function locatePacks(
  options: PacksOptions,
  name: VaultName,
  packIds: readonly string[],
  readKeysToken?: string,
): Promise<{ packs: PackPlaces[]; nodes: GrantedNode[] }> {
  const { signer, getGrantTtlMs: ttlMs, offlineAfterMs } = options;
  const issuedAtMs = options.clock.nowMs();
  const holders = openReadKeys(signer.context, readKeysToken, name.clientId, issuedAtMs);
  await findVault(options.vaults, name);
  const { packs, nodes } = await options.packs.locate(name, [...new Set(packIds)]);
  const bytesAt = new Map<string, number>();
  for (const { shards, shardLengthBytes } of packs) {
    for (const { nodeId } of shards) bytesAt.set(nodeId, (bytesAt.get(nodeId) ?? 0) + shardLengthBytes);
  }
  const { clientId } = name;
  return {
    packs,
    nodes: nodes.map((node, index) => {
      const { nodeId } = node;
      const holder = holders[index % holders.length]!;
      const shardBytes = bytesAt.get(nodeId) ?? 0;
      const token = grantRead(signer, { nodeId, clientId, holder, shardBytes, issuedAtMs, ttlMs });
      return { node, grant: token, isOnline: isOnline(node, issuedAtMs, offlineAfterMs) };
    }),
  };
}
