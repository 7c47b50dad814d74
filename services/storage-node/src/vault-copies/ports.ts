/** Where the copies lie. Whatever changes something returns when it is durable. */
import type { ClientId, PackId, VaultId } from '@holdfast/protocol';

export interface HeadCopy {
  readonly sequence: number;
  /** The signed head. */
  readonly token: string;
}

export interface ShardMapCopy {
  readonly packId: PackId;
  /** The signed commit. */
  readonly token: string;
}

export interface CopyRecords {
  head(clientId: ClientId, vaultId: VaultId): HeadCopy | undefined;
  putHead(clientId: ClientId, vaultId: VaultId, head: HeadCopy): void;
  vaultCount(clientId: ClientId): number;
  shardMap(clientId: ClientId, packId: PackId): string | undefined;
  putShardMaps(clientId: ClientId, vaultId: VaultId, maps: readonly ShardMapCopy[]): void;
  /** By pack id, after that one. */
  shardMaps(clientId: ClientId, vaultId: VaultId, after: PackId | undefined, limit: number): string[];
  forgetShardMaps(packs: readonly { readonly clientId: ClientId; readonly packId: PackId }[]): void;
  forgetClient(clientId: ClientId): void;
}

/** What the copies need to know of the shards. */
export interface ShardPresence {
  /** The root and length of that shard here; undefined when it is not. */
  find(
    clientId: ClientId,
    packId: PackId,
    shardIndex: number,
  ): Promise<{ readonly root: string; readonly lengthBytes: number } | undefined>;
}
