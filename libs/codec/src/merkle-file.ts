/** What a node keeps beside a shard: its group hashes in a small file that shows by itself whether it is whole. */
import { equalBytes, GROUP_BYTES, groupCountOf, HASH_BYTES, MAX_SHARD_BYTES, merkleRoot } from '@holdfast/protocol';
import type { ShardTree } from './merkle.ts';
import { damaged, unsupportedVersion } from './shapes.ts';

const MAGIC = Buffer.from('HFTREE');
const VERSION = 1;
/** Magic, version, a zero, length of the shard (8 bytes, big-endian), root. */
const HEADER_BYTES = 48;
const WHAT = 'The file of group hashes';

export const treeFileBytes = (lengthBytes: number): number => HEADER_BYTES + groupCountOf(lengthBytes) * HASH_BYTES;

export function encodeTreeFile(tree: ShardTree): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(treeFileBytes(tree.lengthBytes));
  file.set(MAGIC);
  file[6] = VERSION;
  new DataView(file.buffer).setBigUint64(8, BigInt(tree.lengthBytes));
  file.set(tree.root, 16);
  file.set(tree.groupHashes, HEADER_BYTES);
  return file;
}

/**
 * Reads such a file and computes the root anew, so that a damaged one never passes.
 * @throws HoldfastError `codec.damaged`, `codec.unsupported-version`
 */
export function decodeTreeFile(file: Uint8Array): ShardTree {
  if (file.length < HEADER_BYTES || !equalBytes(file.subarray(0, 6), MAGIC)) throw damaged(WHAT, 'it is none');
  if (file[6] !== VERSION) throw unsupportedVersion(WHAT, file[6]!);
  const header = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  const lengthBytes = Number(header.getBigUint64(8));
  if (file[7] !== 0 || lengthBytes === 0 || lengthBytes % GROUP_BYTES !== 0 || lengthBytes > MAX_SHARD_BYTES) {
    throw damaged(WHAT, 'its header is not valid');
  }
  if (file.length !== treeFileBytes(lengthBytes)) throw damaged(WHAT, 'it is cut off or too long');
  const root = new Uint8Array(file.subarray(16, HEADER_BYTES));
  const groupHashes = new Uint8Array(file.subarray(HEADER_BYTES));
  if (!equalBytes(merkleRoot(groupHashes), root)) throw damaged(WHAT, 'its hashes do not match its root');
  return { root, groupHashes, lengthBytes };
}
