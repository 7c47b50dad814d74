/** The index: which chunk lies in which pack. Tables of packs joined, cut into chunks that each stand alone. */
import type { PackId } from '@holdfast/protocol';
import { ByteReader, ByteWriter } from './binary.ts';
import { PackTable, TABLE_ENTRY_BYTES } from './pack-table.ts';
import { readPolicy, readShardLength, tailBytesOf } from './pack-trailer.ts';
import {
  byteOfKind,
  checkPolicy,
  ID_BYTES,
  MAX_CHUNKS_PER_PACK,
  kindOfByte,
  type PackKind,
  type PackPolicy,
  unsupportedVersion,
} from './shapes.ts';

export const INDEX_VERSION = 1;
/** An index chunk is closed before it would grow beyond this. */
const INDEX_CHUNK_BYTES = 1024 * 1024;
/** Pack id, kind, k, m, shard length, chunk count. */
const PACK_HEADER_BYTES = ID_BYTES + 3 + 4 + 4;

/** What the index says about one pack; `ClosedPack` fits. */
export interface IndexedPack {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
  readonly table: PackTable;
}

/** Joins packs' tables to index chunks of at most 1 MiB. Feed each finished chunk to a pack of kind `index`. */
export class IndexEncoder {
  readonly #writer = new ByteWriter('an index', 64 * 1024);

  /** A chunk's plaintext when this pack did not fit it any more, in a buffer of its own. */
  add({ packId, kind, policy, shardLengthBytes, table }: IndexedPack): Uint8Array | undefined {
    checkPolicy(policy);
    const writer = this.#writer;
    const isFull = writer.length > 0 && writer.length + PACK_HEADER_BYTES + table.bytes.length > INDEX_CHUNK_BYTES;
    const full = isFull ? writer.take() : undefined;
    if (writer.length === 0) writer.u8(INDEX_VERSION);
    writer.hex(packId, ID_BYTES);
    writer.u8(byteOfKind(kind));
    writer.u8(policy.dataShards);
    writer.u8(policy.parityShards);
    writer.u32(shardLengthBytes);
    writer.u32(table.chunkCount);
    writer.raw(table.bytes);
    return full;
  }

  /** The last chunk; undefined when nothing is left. The encoder can be used again. */
  finish(): Uint8Array | undefined {
    return this.#writer.length === 0 ? undefined : this.#writer.take();
  }
}

/**
 * The packs of one index chunk; tables are views into `bytes`.
 * @throws HoldfastError `codec.damaged`, `codec.unsupported-version`
 */
export function decodeIndexChunk(bytes: Uint8Array): IndexedPack[] {
  const reader = new ByteReader('an index', bytes);
  const version = reader.u8();
  if (version !== INDEX_VERSION) throw unsupportedVersion('An index', version);
  if (reader.remaining === 0) reader.refuse('it lists no pack');
  const packs: IndexedPack[] = [];
  while (reader.remaining > 0) {
    const packId = reader.hex(ID_BYTES);
    const kind = kindOfByte(reader.u8()) ?? reader.refuse('an unknown kind of pack');
    const policy = readPolicy(reader);
    const shardLengthBytes = readShardLength(reader);
    const chunkCount = reader.u32();
    if (chunkCount > MAX_CHUNKS_PER_PACK) reader.refuse(`${chunkCount} chunks`);
    const table = new PackTable(reader.raw(chunkCount * TABLE_ENTRY_BYTES));
    if (table.framesBytes + tailBytesOf(chunkCount) > policy.dataShards * shardLengthBytes) {
      reader.refuse('the frames of a pack are longer than it');
    }
    packs.push({ packId, kind, policy, shardLengthBytes, table });
  }
  return packs;
}
