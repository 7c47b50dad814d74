/** What lies in a node's data directory, read without the node's code for it: files are the truth, so tests look there. */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { shardTree } from '@holdfast/codec';
import { toHex } from '@holdfast/protocol';

export interface ShardOnDisk {
  readonly path: string;
  readonly clientId: string;
  readonly packId: string;
  readonly shardIndex: number;
  readonly fileBytes: number;
}

/** Every file below `shards`. */
export function shardsOnDisk(dataDir: string): ShardOnDisk[] {
  const root = join(dataDir, 'shards');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = join(entry.parentPath, entry.name);
      const [packId = '', shardIndex] = entry.name.split('-');
      const [clientId = ''] = path.slice(root.length + 4).split('/');
      return { path, clientId, packId, shardIndex: Number(shardIndex), fileBytes: statSync(path).size };
    });
}

export const namesIn = (dataDir: string, directory: string): string[] => readdirSync(join(dataDir, directory));

/** Bytes of shards, quarantined ones included. */
export const bytesOnDisk = (dataDir: string): number =>
  shardsOnDisk(dataDir).reduce((sum, { fileBytes }) => sum + fileBytes, 0) +
  namesIn(dataDir, 'quarantine').reduce((sum, name) => sum + statSync(join(dataDir, 'quarantine', name)).size, 0);

/**
 * The root of the shard in that file, computed from its bytes; undefined when the file is not as it was written: the
 * trailer's checksum, length, root and group hashes are compared as docs and trailer.ts describe them.
 */
export function rootOfFile(path: string): string | undefined {
  const file = readFileSync(path);
  const record = file.subarray(file.length - 192);
  const lengthBytes = Number(record.readBigUInt64BE(8));
  if (record.toString('latin1', 0, 8) !== 'HFSHARD\u0001' || lengthBytes > file.length) return undefined;
  const signed = file.subarray(lengthBytes, file.length - 32);
  if (!createHash('sha256').update(signed).digest().equals(record.subarray(160))) return undefined;
  const { root, groupHashes } = shardTree(file.subarray(0, lengthBytes));
  const isSame = record.subarray(16, 48).equals(root) && signed.subarray(0, groupHashes.length).equals(groupHashes);
  return isSame ? toHex(root) : undefined;
}
