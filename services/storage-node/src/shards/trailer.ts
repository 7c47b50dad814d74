/**
 * A shard's file: the shard (n groups of 64 KiB) ‖ 32 bytes of hash for each group ‖ zeros ‖ a record of 192 bytes, the
 * whole a multiple of 4096 bytes, so that it can be written past the page cache. The record, big-endian:
 *
 *   0  "HFSHARD" 1      48  client (32)      128  time of receipt, ms (8)
 *   8  length (8)       80  pack (32)        136  shard index (1), zeros (23)
 *  16  root (32)       112  upload (16)      160  SHA-256 of everything after the shard up to here (32)
 */
import { createHash } from 'node:crypto';
import { equalBytes, fromHex, GROUP_BYTES, MAX_SHARD_BYTES, toHex, type UploadId } from '@holdfast/protocol';
import type { ShardName } from './shard-name.ts';

/** Every offset and length of I/O past the page cache is a multiple of this. */
export const BLOCK_BYTES = 4096;
const RECORD_BYTES = 192;
const HASH_BYTES = 32;
const MAGIC = Buffer.from('HFSHARD\u0001', 'latin1');
const CHECKSUM_OFFSET = 160;

export interface ShardRecord extends ShardName {
  readonly lengthBytes: number;
  /** 64 hex digits. */
  readonly root: string;
  readonly uploadId: UploadId;
  readonly receivedAtMs: number;
}

export const isShardLength = (lengthBytes: number): boolean =>
  Number.isSafeInteger(lengthBytes) &&
  lengthBytes > 0 &&
  lengthBytes <= MAX_SHARD_BYTES &&
  lengthBytes % GROUP_BYTES === 0;

/** Bytes behind a shard of that length. */
export const trailerBytes = (lengthBytes: number): number =>
  Math.ceil(((lengthBytes / GROUP_BYTES) * HASH_BYTES + RECORD_BYTES) / BLOCK_BYTES) * BLOCK_BYTES;

export const MAX_TRAILER_BYTES = trailerBytes(MAX_SHARD_BYTES);

/** What a shard of that length takes on the disk. */
export const fileBytesOf = (lengthBytes: number): number => lengthBytes + trailerBytes(lengthBytes);

/** The length of the shard in a file of that size; undefined when no shard makes such a file. */
export function lengthInFile(fileBytes: number): number | undefined {
  const lengthBytes = Math.floor(fileBytes / GROUP_BYTES) * GROUP_BYTES;
  return isShardLength(lengthBytes) && fileBytesOf(lengthBytes) === fileBytes ? lengthBytes : undefined;
}

/** Writes the trailer to `target`, which has `trailerBytes(record.lengthBytes)` bytes. */
export function encodeTrailer(target: Uint8Array, record: ShardRecord, groupHashes: Uint8Array): void {
  target.fill(0);
  target.set(groupHashes, 0);
  const fields = Buffer.from(target.buffer, target.byteOffset + target.length - RECORD_BYTES, RECORD_BYTES);
  fields.set(MAGIC, 0);
  fields.writeBigUInt64BE(BigInt(record.lengthBytes), 8);
  fields.set(fromHex(record.root, 32), 16);
  fields.set(fromHex(record.clientId, 32), 48);
  fields.set(fromHex(record.packId, 32), 80);
  fields.set(fromHex(record.uploadId, 16), 112);
  fields.writeBigUInt64BE(BigInt(record.receivedAtMs), 128);
  fields[136] = record.shardIndex;
  fields.set(checksum(target), CHECKSUM_OFFSET);
}

export interface Trailer {
  readonly record: ShardRecord;
  /** 32 bytes for each group, in order: a view of what was decoded. */
  readonly groupHashes: Uint8Array;
}

/** The trailer of that shard; undefined when it is damaged or another's. */
export function decodeTrailer(bytes: Uint8Array, name: ShardName, lengthBytes: number): Trailer | undefined {
  if (bytes.length !== trailerBytes(lengthBytes)) return undefined;
  const fields = Buffer.from(bytes.buffer, bytes.byteOffset + bytes.length - RECORD_BYTES, RECORD_BYTES);
  if (!fields.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (!equalBytes(fields.subarray(CHECKSUM_OFFSET), checksum(bytes))) return undefined;
  const record = {
    clientId: toHex(fields.subarray(48, 80)),
    packId: toHex(fields.subarray(80, 112)),
    shardIndex: fields[136]!,
    lengthBytes: Number(fields.readBigUInt64BE(8)),
    root: toHex(fields.subarray(16, 48)),
    uploadId: toHex(fields.subarray(112, 128)),
    receivedAtMs: Number(fields.readBigUInt64BE(128)),
  };
  const isItsOwn =
    record.clientId === name.clientId &&
    record.packId === name.packId &&
    record.shardIndex === name.shardIndex &&
    record.lengthBytes === lengthBytes;
  if (!isItsOwn) return undefined;
  return { record, groupHashes: bytes.subarray(0, (lengthBytes / GROUP_BYTES) * HASH_BYTES) };
}

const checksum = (trailer: Uint8Array): Uint8Array =>
  createHash('sha256')
    .update(trailer.subarray(0, trailer.length - RECORD_BYTES + CHECKSUM_OFFSET))
    .digest();
