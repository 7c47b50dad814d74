/** Builds one pack in a region of memory that the caller gives: seal each chunk into its place, then close. */
import { createCipheriv } from 'node:crypto';
import { type PackId, toHex } from '@holdfast/protocol';
import { compress, DEFAULT_COMPRESSION_LEVEL } from './compress.ts';
import { packKey, paddingKey } from './pack-keys.ts';
import { type PackTable, PackTableBuilder } from './pack-table.ts';
import { encodeTrailer, tailBytesOf, TRAILER_BYTES } from './pack-trailer.ts';
import { PackSealer } from './seal.ts';
import {
  badArgument,
  ID_BYTES,
  MAX_CHUNK_BYTES,
  MAX_FRAMES_PER_PACK,
  type PackKind,
  type PackPolicy,
  type RandomSource,
  SEAL_OVERHEAD_BYTES,
} from './shapes.ts';
import { packCapacityBytes, shardLengthFor } from './size-classes.ts';

export interface PackBuilderOptions {
  readonly dataKey: Uint8Array;
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  /** The pack's bytes: at least `packCapacityBytes(policy)`, usually in the arena, before the parity shards' place. */
  readonly region: Uint8Array;
  /** Draws the pack id: 32 fresh bytes. */
  readonly randomness: RandomSource;
  /** zstd; 0 switches it off. Default 1. */
  readonly compressionLevel?: number;
}

export interface AddedFrame {
  /** Number of the frame in the pack, from 0. */
  readonly frame: number;
  readonly sealedBytes: number;
  readonly compressed: boolean;
}

export interface ClosedPack {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly policy: PackPolicy;
  readonly shardLengthBytes: number;
  /** dataShards × shardLengthBytes: shard i is `region[i × shardLengthBytes …]`, unmasked. */
  readonly packLengthBytes: number;
  /** Frames, table and trailer without the padding. */
  readonly contentBytes: number;
  readonly table: PackTable;
}

const PADDING_PIECE_BYTES = 256 * 1024;

/**
 * One builder makes one pack: it draws the pack id itself and `finish` ends it, so nothing is ever sealed twice under
 * one id. An abandoned builder is simply dropped with its id.
 */
export class PackBuilder {
  readonly packId: PackId;
  readonly kind: PackKind;
  readonly #options: PackBuilderOptions;
  readonly #capacityBytes: number;
  readonly #level: number;
  readonly #sealer: PackSealer;
  readonly #table = new PackTableBuilder();
  #framesBytes = 0;
  #finished = false;

  constructor(options: PackBuilderOptions) {
    this.#capacityBytes = packCapacityBytes(options.policy);
    if (options.region.length < this.#capacityBytes) {
      throw badArgument(`a pack region of ${options.region.length} bytes instead of ${this.#capacityBytes}`);
    }
    const id = options.randomness.bytes(ID_BYTES);
    if (id.length !== ID_BYTES) throw badArgument(`a random source that gives ${id.length} bytes`);
    this.packId = toHex(id);
    this.kind = options.kind;
    this.#options = options;
    this.#level = options.compressionLevel ?? DEFAULT_COMPRESSION_LEVEL;
    this.#sealer = new PackSealer(packKey(options.dataKey, this.packId));
  }

  get frameCount(): number {
    return this.#table.frameCount;
  }

  /** Frames, table and trailer so far. */
  get contentBytes(): number {
    return this.#framesBytes + tailBytesOf(this.frameCount);
  }

  /** Whether a chunk of this length surely fits, however badly it compresses. An empty builder fits every chunk. */
  canAdd(plaintextBytes: number): boolean {
    const framesBytes = this.#framesBytes + plaintextBytes + SEAL_OVERHEAD_BYTES;
    return (
      this.frameCount < MAX_FRAMES_PER_PACK && framesBytes + tailBytesOf(this.frameCount + 1) <= this.#capacityBytes
    );
  }

  /**
   * Compresses where it pays, seals, and writes the frame into the region. `plaintext` may lie in the same memory but
   * not in the region. The id is taken as given (32 bytes; `createChunkIdHasher`).
   * @throws HoldfastError `codec.bad-argument` when it does not fit, is empty or longer than 4 MiB, or after `finish`
   */
  addChunk(id: Uint8Array, plaintext: Uint8Array): AddedFrame {
    if (this.#finished) throw badArgument('a chunk for a pack that is closed');
    if (id.length !== ID_BYTES) throw badArgument(`a chunk id of ${id.length} bytes`);
    if (plaintext.length < 1 || plaintext.length > MAX_CHUNK_BYTES)
      throw badArgument(`a chunk of ${plaintext.length} bytes`);
    if (!this.canAdd(plaintext.length)) throw badArgument('a chunk that does not fit the pack');
    const frame = this.frameCount;
    const shorter = compress(plaintext, this.#level);
    const body = shorter ?? plaintext;
    const sealedBytes = this.#sealer.seal('frame', frame, body, this.#options.region, this.#framesBytes);
    const compressed = shorter !== undefined;
    this.#table.add(id, plaintext.length, sealedBytes, compressed);
    this.#framesBytes += sealedBytes;
    return { frame, sealedBytes, compressed };
  }

  /**
   * Writes padding, table and trailer. Afterwards the region's first `packLengthBytes` bytes are the data shards, in
   * order and contiguous; next come parity (`encode`) and `maskShard` on every shard.
   * @throws HoldfastError `codec.bad-argument` when there are no frames, or called twice
   */
  finish(): ClosedPack {
    if (this.#finished || this.frameCount === 0) throw badArgument('a pack to close that is closed already or empty');
    this.#finished = true;
    const { policy, region, kind } = this.#options;
    const frameCount = this.frameCount;
    const contentBytes = this.contentBytes;
    const shardLengthBytes = shardLengthFor(contentBytes, policy.dataShards);
    const packLengthBytes = shardLengthBytes * policy.dataShards;
    const tailStart = packLengthBytes - tailBytesOf(frameCount);
    this.#pad(region.subarray(this.#framesBytes, tailStart));
    const table = this.#table.finish();
    this.#sealer.seal('table', 0, table.bytes, region, tailStart);
    const trailer = encodeTrailer({ kind, policy, shardLengthBytes, frameCount, framesBytes: this.#framesBytes });
    this.#sealer.seal('trailer', 0, trailer, region, packLengthBytes - TRAILER_BYTES);
    return { packId: this.packId, kind, policy, shardLengthBytes, packLengthBytes, contentBytes, table };
  }

  /** Padding looks like frames even to who can unmask: a key stream, not zeros. */
  #pad(room: Uint8Array): void {
    const stream = createCipheriv('aes-256-ctr', paddingKey(this.#options.dataKey, this.packId), new Uint8Array(16));
    const zeros = new Uint8Array(Math.min(room.length, PADDING_PIECE_BYTES));
    for (let start = 0; start < room.length; start += PADDING_PIECE_BYTES) {
      room.set(stream.update(zeros.subarray(0, Math.min(PADDING_PIECE_BYTES, room.length - start))), start);
    }
  }
}
