/** The last 64 bytes of a pack: what is in it and how long its table is, sealed. */
import { GROUP_BYTES, MAX_SHARD_BYTES } from '@holdfast/protocol';
import { ByteReader, ByteWriter } from './binary.ts';
import { TABLE_ENTRY_BYTES } from './pack-table.ts';
import {
  byteOfKind,
  isPolicy,
  MAX_CHUNKS_PER_PACK,
  kindOfByte,
  type PackKind,
  type PackPolicy,
  SEAL_OVERHEAD_BYTES,
  unsupportedVersion,
} from './shapes.ts';

const PACK_VERSION = 1;
/** The sealed trailer: the last bytes of every pack. */
export const TRAILER_BYTES = 64;
const RESERVED_BYTES = 24;

export interface PackTrailer {
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
  readonly chunkCount: number;
  readonly frameCount: number;
  /** Bytes of all frames, from the pack's start. */
  readonly framesBytes: number;
  /** Sealed table and trailer: the bytes at the pack's end that hold them. */
  readonly tailBytes: number;
  /** dataShards × shardLengthBytes. */
  readonly packLengthBytes: number;
}

/** Sealed table and trailer of a pack with so many chunks. */
export const tailBytesOf = (chunkCount: number): number =>
  chunkCount * TABLE_ENTRY_BYTES + SEAL_OVERHEAD_BYTES + TRAILER_BYTES;

export type TrailerFields = Pick<
  PackTrailer,
  'kind' | 'policy' | 'shardLengthBytes' | 'chunkCount' | 'frameCount' | 'framesBytes'
>;

/** The 48 bytes that the trailer seals. */
export function encodeTrailer(fields: TrailerFields): Uint8Array {
  const writer = new ByteWriter('a pack trailer');
  writer.u8(PACK_VERSION);
  writer.u8(byteOfKind(fields.kind));
  writer.u8(fields.policy.dataShards);
  writer.u8(fields.policy.parityShards);
  writer.u32(fields.shardLengthBytes);
  writer.u32(fields.chunkCount);
  writer.u32(fields.frameCount);
  writer.u64(fields.framesBytes);
  writer.raw(new Uint8Array(RESERVED_BYTES));
  return writer.take();
}

/** @throws HoldfastError `codec.damaged`, `codec.unsupported-version` */
export function decodeTrailer(plaintext: Uint8Array, packLengthBytes: number): PackTrailer {
  const reader = new ByteReader('the trailer of a pack', plaintext);
  const version = reader.u8();
  if (version !== PACK_VERSION) throw unsupportedVersion('A pack', version);
  const kind = kindOfByte(reader.u8()) ?? reader.refuse('an unknown kind');
  const policy = readPolicy(reader);
  const shardLengthBytes = readShardLength(reader);
  const chunkCount = reader.u32();
  if (chunkCount < 1 || chunkCount > MAX_CHUNKS_PER_PACK) reader.refuse(`${chunkCount} chunks`);
  const frameCount = reader.u32();
  if (frameCount < 1 || frameCount > chunkCount) reader.refuse(`${frameCount} frames for ${chunkCount} chunks`);
  const framesBytes = reader.u64();
  if (reader.raw(RESERVED_BYTES).some((byte) => byte !== 0)) reader.refuse('reserved bytes are not zero');
  reader.end();
  const tailBytes = tailBytesOf(chunkCount);
  if (policy.dataShards * shardLengthBytes !== packLengthBytes)
    reader.refuse(`the pack is ${packLengthBytes} bytes long`);
  if (framesBytes + tailBytes > packLengthBytes) reader.refuse('frames and table overlap');
  return { kind, policy, shardLengthBytes, chunkCount, frameCount, framesBytes, tailBytes, packLengthBytes };
}

/** k and m, in one byte each. */
export function readPolicy(reader: ByteReader): PackPolicy {
  const policy = { dataShards: reader.u8(), parityShards: reader.u8() };
  if (!isPolicy(policy)) reader.refuse(`${policy.dataShards}+${policy.parityShards} shards`);
  return policy;
}

/** In four bytes: a multiple of 64 KiB, at most 64 MiB. */
export function readShardLength(reader: ByteReader): number {
  const length = reader.u32();
  if (length === 0 || length % GROUP_BYTES !== 0 || length > MAX_SHARD_BYTES)
    reader.refuse(`shards of ${length} bytes`);
  return length;
}
