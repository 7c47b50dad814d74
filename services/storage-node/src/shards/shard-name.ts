/** A shard's name, and where its file stands below the data directory. */
import { join } from 'node:path';
import { type ClientId, fromHex, type PackId, toHex } from '@holdfast/protocol';

export interface ShardName {
  readonly clientId: ClientId;
  readonly packId: PackId;
  /** 0 … 39 */
  readonly shardIndex: number;
}

/** One string per shard, for maps. */
export const shardKey = ({ clientId, packId, shardIndex }: ShardName): string => `${clientId}/${packId}-${shardIndex}`;

/** client ‖ pack ‖ index: 65 bytes, in the order in which the scrub walks. */
export function shardKeyBytes({ clientId, packId, shardIndex }: ShardName): Uint8Array {
  const bytes = new Uint8Array(65);
  bytes.set(fromHex(clientId, 32), 0);
  bytes.set(fromHex(packId, 32), 32);
  bytes[64] = shardIndex;
  return bytes;
}

export const shardNameFromBytes = (bytes: Uint8Array): ShardName => ({
  clientId: toHex(bytes.subarray(0, 32)),
  packId: toHex(bytes.subarray(32, 64)),
  shardIndex: bytes[64]!,
});

/** `shards/<2 digits>/<client>`: the directory of a client's shards. */
export const clientDirectory = (root: string, clientId: ClientId): string => join(root, clientId.slice(0, 2), clientId);

/** The directory of a shard's file. */
export const shardDirectory = (root: string, name: ShardName): string =>
  join(clientDirectory(root, name.clientId), name.packId.slice(0, 2));

const fileName = ({ packId, shardIndex }: ShardName): string => `${packId}-${shardIndex}`;

export const shardFile = (root: string, name: ShardName): string => join(shardDirectory(root, name), fileName(name));

/** The name that a file of that client's directory stands for; undefined when it is no shard's. */
export function parseShardFile(clientId: ClientId, fileName: string): ShardName | undefined {
  const match = /^([0-9a-f]{64})-(0|[1-9]\d?)$/.exec(fileName);
  const shardIndex = Number(match?.[2]);
  return match === null || shardIndex > 39 ? undefined : { clientId, packId: match[1]!, shardIndex };
}
