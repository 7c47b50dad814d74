/** Reads packs: whole ones from their unmasked data shards, or only their table or some frames from ranges of shards. */
import { equalBytes, type PackId } from '@holdfast/protocol';
import { type ChunkIdHasher, createChunkIdHasher } from './chunk-id.ts';
import { decompress } from './compress.ts';
import { packKey } from './pack-keys.ts';
import { PackTable, type TableEntry } from './pack-table.ts';
import { decodeTrailer, type PackTrailer, TRAILER_BYTES } from './pack-trailer.ts';
import { PackSealer } from './seal.ts';
import { badArgument, damaged } from './shapes.ts';

/** What opening a pack needs beside its bytes. */
export interface PackReaderOptions {
  readonly dataKey: Uint8Array;
  /** The key, or a hasher made from it that many readers of one thread share (cheaper for small packs). */
  readonly chunkIdKey: Uint8Array | ChunkIdHasher;
  readonly packId: PackId;
}

/**
 * Opens the parts of one pack. Every method verifies what it opens: the tag, the bounds, for a chunk also that its
 * plaintext has its id.
 * @throws HoldfastError `codec.damaged`, `codec.unsupported-version`
 */
export class PackReader {
  readonly packId: PackId;
  readonly #sealer: PackSealer;
  readonly #chunkId: ChunkIdHasher;
  #lastFrame: { readonly frame: number; readonly plaintext: Uint8Array } | undefined;

  constructor({ dataKey, chunkIdKey, packId }: PackReaderOptions) {
    this.packId = packId;
    this.#sealer = new PackSealer(packKey(dataKey, packId));
    this.#chunkId = typeof chunkIdKey === 'function' ? chunkIdKey : createChunkIdHasher(chunkIdKey);
  }

  /**
   * From the pack's last bytes, at least 64 of them. `packLengthBytes` = dataShards × shardLengthBytes must be what the
   * trailer says.
   */
  readTrailer(tail: Uint8Array, packLengthBytes: number): PackTrailer {
    if (tail.length < TRAILER_BYTES) throw badArgument(`${tail.length} bytes for a trailer of ${TRAILER_BYTES}`);
    const plaintext = this.#sealer.open('trailer', 0, tail.subarray(tail.length - TRAILER_BYTES));
    return decodeTrailer(plaintext, packLengthBytes);
  }

  /** From the pack's last bytes, at least `trailer.tailBytes` of them (the whole pack will do). */
  readTable(tail: Uint8Array, trailer: PackTrailer): PackTable {
    if (tail.length < trailer.tailBytes) throw badArgument(`${tail.length} bytes for a tail of ${trailer.tailBytes}`);
    const sealed = tail.subarray(tail.length - trailer.tailBytes, tail.length - TRAILER_BYTES);
    const table = new PackTable(this.#sealer.open('table', 0, sealed));
    if (table.framesBytes !== trailer.framesBytes || table.frameCount !== trailer.frameCount) {
      throw damaged('the table of a pack', 'its frames do not add up');
    }
    return table;
  }

  /** Trailer and table of a whole pack: its k × shardLength unmasked bytes. */
  readPack(pack: Uint8Array): { readonly trailer: PackTrailer; readonly table: PackTable } {
    const trailer = this.readTrailer(pack, pack.length);
    return { trailer, table: this.readTable(pack, trailer) };
  }

  /**
   * A chunk's plaintext out of its frame, the `entry.sealedBytes` bytes at `entry.offset`. The plaintext of the frame
   * opened last is kept, so that chunks which share one cost little when asked for in a row; don't write into it.
   */
  openChunk(entry: TableEntry, sealedFrame: Uint8Array): Uint8Array {
    if (sealedFrame.length !== entry.sealedBytes) {
      throw badArgument(`${sealedFrame.length} bytes for a frame of ${entry.sealedBytes}`);
    }
    const frame = this.#openFrame(entry, sealedFrame);
    const plaintext = frame.subarray(entry.plaintextOffset, entry.plaintextOffset + entry.plaintextBytes);
    if (!equalBytes(this.#chunkId(plaintext), entry.id)) {
      throw damaged(`frame ${entry.frame} of a pack`, 'its plaintext is not the chunk that the table names');
    }
    return plaintext;
  }

  /** `openChunk` out of a whole pack. */
  openChunkOf(pack: Uint8Array, entry: TableEntry): Uint8Array {
    return this.openChunk(entry, pack.subarray(entry.offset, entry.offset + entry.sealedBytes));
  }

  #openFrame(entry: TableEntry, sealed: Uint8Array): Uint8Array {
    if (this.#lastFrame?.frame === entry.frame) return this.#lastFrame.plaintext;
    const body = this.#sealer.open('frame', entry.frame, sealed);
    const plaintext = entry.compressed ? decompress(body, entry.framePlaintextBytes) : body;
    const isShared = entry.framePlaintextBytes !== entry.plaintextBytes;
    this.#lastFrame = isShared ? { frame: entry.frame, plaintext } : undefined;
    return plaintext;
  }
}
