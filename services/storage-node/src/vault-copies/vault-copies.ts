/** Copies of a vault's head and of shard maps: with them a client gets everything back even if the mediator is gone. */
import {
  fail,
  type HoldfastError,
  isPartyId,
  openMessage,
  packCommit,
  type ClientId,
  type MessageType,
  type NodeId,
  type PackId,
  type SigningContext,
  type VaultId,
  vaultHead,
} from '@holdfast/protocol';
import type { CopyRecords, ShardMapCopy, ShardPresence } from './ports.ts';

export interface VaultCopiesOptions {
  readonly nodeId: NodeId;
  readonly signing: SigningContext;
  readonly records: CopyRecords;
  readonly shards: ShardPresence;
}

export interface VaultCopies {
  /** @throws HoldfastError `head.missing` */
  head(clientId: ClientId, vaultId: VaultId): string;
  /**
   * Keeps the head when it is newer than what is here; the very same one changes nothing.
   * @throws HoldfastError `message.*`, `request.mismatch`, `head.rollback`, `head.conflict`, `input.too-large`
   */
  putHead(clientId: ClientId, vaultId: VaultId, token: string): void;
  shardMaps(clientId: ClientId, vaultId: VaultId, after: PackId | undefined): string[];
  /**
   * Keeps the maps of packs that this node has a shard of: all or none.
   * @throws HoldfastError `message.*`, `request.mismatch`, `pack.conflict`, `pack.bad-commit`
   */
  addShardMaps(clientId: ClientId, vaultId: VaultId, tokens: readonly string[]): Promise<void>;
}

/** A head is at most 128 KiB; this bounds what one client's vaults take beside its shards. */
const MAX_VAULTS_PER_CLIENT = 16;
const MAPS_PER_ANSWER = 1000;

type Commit = typeof packCommit extends MessageType<infer Body> ? Body : never;

export function createVaultCopies(options: VaultCopiesOptions): VaultCopies {
  const { records, signing } = options;

  const openMap = async (clientId: ClientId, vaultId: VaultId, token: string): Promise<ShardMapCopy | undefined> => {
    const commit = openMessage(packCommit, signing, token);
    checkOwner(commit, clientId, vaultId);
    const known = records.shardMap(clientId, commit.packId);
    if (known === token) return undefined;
    if (known !== undefined) throw fail('pack.conflict', { packId: commit.packId });
    await checkShardHere(options, commit);
    return { packId: commit.packId, token };
  };

  return {
    head(clientId, vaultId) {
      const copy = records.head(clientId, vaultId);
      if (copy === undefined) throw fail('head.missing');
      return copy.token;
    },
    putHead(clientId, vaultId, token) {
      const head = openMessage(vaultHead, signing, token);
      checkOwner(head, clientId, vaultId);
      const current = records.head(clientId, vaultId);
      if (current?.token === token) return;
      if (current === undefined && records.vaultCount(clientId) >= MAX_VAULTS_PER_CLIENT) {
        throw fail('input.too-large', { what: 'number of vaults', limit: `${MAX_VAULTS_PER_CLIENT} here` });
      }
      if (current !== undefined && head.sequence < current.sequence) {
        throw fail('head.rollback', { current: current.sequence, given: head.sequence });
      }
      if (head.sequence === current?.sequence) throw fail('head.conflict', { sequence: current.sequence });
      records.putHead(clientId, vaultId, { sequence: head.sequence, token });
    },
    shardMaps(clientId, vaultId, after) {
      if (after !== undefined && !isPartyId(after)) throw fail('input.not-hex', { expected: '64 hex digits' });
      return records.shardMaps(clientId, vaultId, after, MAPS_PER_ANSWER);
    },
    async addShardMaps(clientId, vaultId, tokens) {
      const maps: ShardMapCopy[] = [];
      for (const token of tokens) {
        const map = await openMap(clientId, vaultId, token);
        if (map !== undefined) maps.push(map);
      }
      if (maps.length > 0) records.putShardMaps(clientId, vaultId, maps);
    },
  };
}

function checkOwner(body: { clientId: ClientId; vaultId: VaultId }, clientId: ClientId, vaultId: VaultId): void {
  if (body.clientId !== clientId) throw fail('request.mismatch', { field: 'clientId' });
  if (body.vaultId !== vaultId) throw fail('request.mismatch', { field: 'vaultId' });
}

/** A map for each shard and no more: this bounds how many there are, and keeps maps honest. */
async function checkShardHere({ nodeId, shards }: VaultCopiesOptions, commit: Commit): Promise<void> {
  const { clientId, packId } = commit;
  const bad = (detail: string): HoldfastError => fail('pack.bad-commit', { packId, detail });
  const shardIndex = commit.shards.findIndex((place) => place.nodeId === nodeId);
  if (shardIndex < 0) throw bad('it names no shard of this node.');
  const shard = await shards.find(clientId, packId, shardIndex);
  if (shard === undefined) throw bad(`shard ${shardIndex} is not here.`);
  if (shard.root !== commit.shards[shardIndex]!.root || shard.lengthBytes !== commit.shardLengthBytes) {
    throw bad(`shard ${shardIndex} here has another root or length.`);
  }
}
