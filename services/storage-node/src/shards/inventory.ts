/** What the node knows of its shards without looking at the disk: how many each client has, and which are uncommitted. */
import type { ClientId, UploadId } from '@holdfast/protocol';
import { type ShardName, shardKey } from './shard-name.ts';

export interface UncommittedShard {
  readonly name: ShardName;
  readonly lengthBytes: number;
  readonly receivedAtMs: number;
}

export interface Inventory {
  readonly shardCount: number;
  readonly uncommittedCount: number;
  add(name: ShardName): void;
  /** Forgets it, committed or not. */
  remove(name: ShardName): void;
  shardCountOf(clientId: ClientId): number;
  /** Counts the shard to that upload, instead of to the one before. */
  setUploadOf(shard: UncommittedShard, uploadId: UploadId): void;
  /** The upload of an uncommitted shard. */
  uploadOf(name: ShardName): UploadId | undefined;
  /** Bytes of an uncommitted shard; 0 for others. */
  lengthOf(name: ShardName): number;
  /** It counts for ever now. */
  commit(name: ShardName): void;
  uncommittedOf(uploadId: UploadId): UncommittedShard[];
}

export function createInventory(): Inventory {
  const perClient = new Map<ClientId, number>();
  const uploadByShard = new Map<string, UploadId>();
  const shardsByUpload = new Map<UploadId, Map<string, UncommittedShard>>();
  let shardCount = 0;

  const detach = (key: string): void => {
    const uploadId = uploadByShard.get(key);
    if (uploadId === undefined) return;
    uploadByShard.delete(key);
    const shards = shardsByUpload.get(uploadId);
    shards?.delete(key);
    if (shards?.size === 0) shardsByUpload.delete(uploadId);
  };

  return {
    get shardCount() {
      return shardCount;
    },
    get uncommittedCount() {
      return uploadByShard.size;
    },
    add({ clientId }) {
      shardCount += 1;
      perClient.set(clientId, (perClient.get(clientId) ?? 0) + 1);
    },
    remove(name) {
      detach(shardKey(name));
      const left = (perClient.get(name.clientId) ?? 1) - 1;
      shardCount -= 1;
      if (left > 0) perClient.set(name.clientId, left);
      else perClient.delete(name.clientId);
    },
    shardCountOf: (clientId) => perClient.get(clientId) ?? 0,
    setUploadOf(shard, uploadId) {
      const key = shardKey(shard.name);
      detach(key);
      uploadByShard.set(key, uploadId);
      const shards = shardsByUpload.get(uploadId) ?? new Map<string, UncommittedShard>();
      shards.set(key, shard);
      shardsByUpload.set(uploadId, shards);
    },
    uploadOf: (name) => uploadByShard.get(shardKey(name)),
    lengthOf(name) {
      const key = shardKey(name);
      return shardsByUpload.get(uploadByShard.get(key) ?? '')?.get(key)?.lengthBytes ?? 0;
    },
    commit: (name) => detach(shardKey(name)),
    uncommittedOf: (uploadId) => [...(shardsByUpload.get(uploadId)?.values() ?? [])],
  };
}
