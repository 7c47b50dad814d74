/** Builds one pack in a region of memory that the caller gives: seal each chunk into its place, then close. */
import { createCipheriv } from 'node:crypto';
import { type PackId, toHex } from '@holdfast/protocol';
import { compress, DEFAULT_COMPRESSION_LEVEL } from './compress.ts';
import { packKey, paddingKey } from './pack-keys.ts';
import { type PackTable, PackTableBuilder } from './pack-table.ts';
import { encodeTrailer, tailBytesOf, TRAILER_BYTES } from './pack-trailer.ts';
import { releaseBuffer } from './release.ts';
import { PackSealer } from './seal.ts';
import {
  badArgument,
  ID_BYTES,
  MAX_CHUNK_BYTES,
  MAX_CHUNKS_PER_PACK,
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
  /** zstd, 1 … 19; 0 switches it off. Default 1. */
  readonly compressionLevel?: number;
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

/** Chunks up to this length share a frame: a call of zstd and one of AES for many of them, and they compress better. */
const SMALL_CHUNK_BYTES = 64 * 1024;
const JOINED_FRAME_BYTES = 128 * 1024;
/** The levels above need more memory than they are worth here. */
const MAX_COMPRESSION_LEVEL = 19;
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
  #frameCount = 0;
  #framesBytes = 0;
  /** Small chunks that wait for their common frame. */
  #joined: Uint8Array | undefined;
  #joinedBytes = 0;
  #waiting: { readonly id: Uint8Array; readonly plaintextBytes: number }[] = [];
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
    // zstd takes other numbers too, -1 for its own default
    if (!Number.isInteger(this.#level) || this.#level < 0 || this.#level > MAX_COMPRESSION_LEVEL) {
      throw badArgument(`a compression level of ${this.#level}`);
    }
    this.#sealer = new PackSealer(packKey(options.dataKey, this.packId));
  }

  get chunkCount(): number {
    return this.#table.chunkCount + this.#waiting.length;
  }

  /** Frames, table and trailer so far; small chunks that wait for their frame count uncompressed. */
  get contentBytes(): number {
    const waitingBytes = this.#joinedBytes === 0 ? 0 : this.#joinedBytes + SEAL_OVERHEAD_BYTES;
    return this.#framesBytes + waitingBytes + tailBytesOf(this.chunkCount);
  }

  /** Whether a chunk of this length surely fits, however badly it compresses. An empty builder fits every chunk. */
  canAdd(plaintextBytes: number): boolean {
    if (this.chunkCount === MAX_CHUNKS_PER_PACK) return false;
    const growth = plaintextBytes + SEAL_OVERHEAD_BYTES + tailBytesOf(1) - tailBytesOf(0);
    return this.contentBytes + growth <= this.#capacityBytes;
  }

  /**
   * Compresses where it pays, seals, and writes the frame into the region; small chunks are copied aside first, to
   * share a frame. `plaintext` may lie in the same memory but not in the region, and is free for other use afterwards.
   * The id (32 bytes; `createChunkIdHasher`) is taken as given and kept.
   * @throws HoldfastError `codec.bad-argument` when it does not fit, is empty or longer than 4 MiB, or after `finish`
   */
  addChunk(id: Uint8Array, plaintext: Uint8Array): void {
    if (this.#finished) throw badArgument('a chunk for a pack that is closed');
    if (id.length !== ID_BYTES) throw badArgument(`a chunk id of ${id.length} bytes`);
    if (plaintext.length < 1 || plaintext.length > MAX_CHUNK_BYTES) {
      throw badArgument(`a chunk of ${plaintext.length} bytes`);
    }
    if (!this.canAdd(plaintext.length)) throw badArgument('a chunk that does not fit the pack');
    if (plaintext.length > SMALL_CHUNK_BYTES) {
      const frame = this.#sealFrame(plaintext);
      this.#table.addFrame(id, plaintext.length, frame.sealedBytes, frame.compressed);
      return;
    }
    if (this.#joinedBytes + plaintext.length > JOINED_FRAME_BYTES) this.#sealWaiting();
    this.#joined ??= new Uint8Array(JOINED_FRAME_BYTES);
    this.#joined.set(plaintext, this.#joinedBytes);
    this.#joinedBytes += plaintext.length;
    this.#waiting.push({ id, plaintextBytes: plaintext.length });
  }

  /**
   * Writes padding, table and trailer. Afterwards the region's first `packLengthBytes` bytes are the data shards, in
   * order and contiguous; next come parity (`encode`) and `maskShard` on every shard.
   * @throws HoldfastError `codec.bad-argument` when there are no chunks, or called twice
   */
  finish(): ClosedPack {
    if (this.#finished || this.chunkCount === 0) throw badArgument('a pack to close that is closed already or empty');
    this.#sealWaiting();
    this.#finished = true;
    const { policy, region, kind } = this.#options;
    const contentBytes = this.contentBytes;
    const shardLengthBytes = shardLengthFor(contentBytes, policy.dataShards);
    const packLengthBytes = shardLengthBytes * policy.dataShards;
    const table = this.#table.finish();
    const tailStart = packLengthBytes - tailBytesOf(table.chunkCount);
    this.#pad(region.subarray(this.#framesBytes, tailStart));
    this.#sealer.seal('table', 0, table.bytes, region, tailStart);
    const { chunkCount, frameCount, framesBytes } = table;
    const trailer = encodeTrailer({ kind, policy, shardLengthBytes, chunkCount, frameCount, framesBytes });
    this.#sealer.seal('trailer', 0, trailer, region, packLengthBytes - TRAILER_BYTES);
    return { packId: this.packId, kind, policy, shardLengthBytes, packLengthBytes, contentBytes, table };
  }

  #sealFrame(plaintext: Uint8Array): { sealedBytes: number; compressed: boolean } {
    const shorter = compress(plaintext, this.#level);
    const { region } = this.#options;
    const sealedBytes = this.#sealer.seal('frame', this.#frameCount, shorter ?? plaintext, region, this.#framesBytes);
    if (shorter !== undefined) releaseBuffer(shorter);
    this.#frameCount += 1;
    this.#framesBytes += sealedBytes;
    return { sealedBytes, compressed: shorter !== undefined };
  }

  #sealWaiting(): void {
    if (this.#joined === undefined || this.#joinedBytes === 0) return;
    const frame = this.#sealFrame(this.#joined.subarray(0, this.#joinedBytes));
    for (const [place, { id, plaintextBytes }] of this.#waiting.entries()) {
      if (place === 0) this.#table.addFrame(id, plaintextBytes, frame.sealedBytes, frame.compressed);
      else this.#table.join(id, plaintextBytes);
    }
    this.#waiting = [];
    this.#joinedBytes = 0;
  }

  /** Padding looks like frames even to who can unmask: a key stream, not zeros. */
  #pad(room: Uint8Array): void {
    const stream = createCipheriv('aes-256-ctr', paddingKey(this.#options.dataKey, this.packId), new Uint8Array(16));
    const zeros = new Uint8Array(Math.min(room.length, PADDING_PIECE_BYTES));
    for (let start = 0; start < room.length; start += PADDING_PIECE_BYTES) {
      const padding = stream.update(zeros.subarray(0, Math.min(PADDING_PIECE_BYTES, room.length - start)));
      room.set(padding, start);
      releaseBuffer(padding);
    }
  }
}
