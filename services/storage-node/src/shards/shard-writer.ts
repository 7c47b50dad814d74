/**
 * Takes a shard as it arrives, in pieces of any length, into aligned buffers: groups are hashed while they are in the
 * processor's cache, full buffers are written while the next one fills. One per transfer.
 */
import { groupHash, merkleRoot } from '@holdfast/codec';
import { fail, GROUP_BYTES, toHex } from '@holdfast/protocol';
import { writeAll } from './file-io.ts';
import type { Piece, PiecePool } from './piece-pool.ts';
import { encodeTrailer, MAX_TRAILER_BYTES, type ShardRecord, trailerBytes } from './trailer.ts';

export class ShardWriter {
  readonly #fd: number;
  readonly #pool: PiecePool;
  readonly #lengthBytes: number;
  /** Shard bytes of a piece; behind them is room for the trailer. */
  readonly #capacity: number;
  readonly #groupHashes: Uint8Array;
  readonly #held = new Set<Piece>();
  #piece: Piece | undefined;
  #filled = 0;
  #hashed = 0;
  #groupCount = 0;
  #position = 0;
  #receivedBytes = 0;
  #left: Uint8Array | undefined;
  #writing: Promise<void> = Promise.resolve();
  #failure: Error | undefined;
  /** Called when `push` may be called again after it said false, and after a failure. */
  onReady: () => void = () => {};

  /** The pool must have a piece free for each writer, of `writerPieceBytes(n)`. */
  constructor(fd: number, pool: PiecePool, lengthBytes: number) {
    this.#fd = fd;
    this.#pool = pool;
    this.#lengthBytes = lengthBytes;
    this.#capacity = pool.pieceBytes - MAX_TRAILER_BYTES;
    this.#groupHashes = new Uint8Array((lengthBytes / GROUP_BYTES) * 32);
    this.#use(pool.take());
  }

  get receivedBytes(): number {
    return this.#receivedBytes;
  }

  get hasFailed(): boolean {
    return this.#failure !== undefined;
  }

  /** Takes all of `chunk` (which must not change any more); false: wait for `onReady` before the next. */
  push(chunk: Uint8Array): boolean {
    this.#receivedBytes += chunk.length;
    if (this.#receivedBytes > this.#lengthBytes) {
      this.#failure ??= fail('shard.bad-length', { actual: this.#receivedBytes, expected: this.#lengthBytes });
    }
    return this.#failure !== undefined || this.#fill(chunk);
  }

  #fill(chunk: Uint8Array): boolean {
    let at = 0;
    while (at < chunk.length) {
      const piece = this.#piece;
      if (piece === undefined) {
        this.#left = at === 0 ? chunk : chunk.subarray(at);
        return false;
      }
      const count = Math.min(chunk.length - at, this.#capacity - this.#filled);
      piece.set(count === chunk.length ? chunk : chunk.subarray(at, at + count), this.#filled);
      this.#filled += count;
      at += count;
      this.#hashFullGroups(piece);
      if (this.#filled === this.#capacity && this.#position + this.#filled < this.#lengthBytes) this.#flush(piece);
    }
    return true;
  }

  #hashFullGroups(piece: Piece): void {
    for (; this.#hashed + GROUP_BYTES <= this.#filled; this.#hashed += GROUP_BYTES) {
      this.#groupHashes.set(groupHash(piece.subarray(this.#hashed, this.#hashed + GROUP_BYTES)), 32 * this.#groupCount);
      this.#groupCount += 1;
    }
  }

  #flush(piece: Piece): void {
    const [bytes, position] = [piece.subarray(0, this.#filled), this.#position];
    this.#position += this.#filled;
    this.#filled = 0;
    this.#hashed = 0;
    this.#piece = undefined;
    const before = this.#writing;
    this.#writing = before
      .then(() => (this.#failure === undefined ? writeAll(this.#fd, bytes, position) : undefined))
      .catch((error: Error) => {
        this.#failure ??= error;
      })
      .finally(() => this.#written(piece));
    const spare = this.#held.size < 2 ? this.#pool.takeSpare() : undefined;
    if (spare !== undefined) this.#use(spare);
  }

  #use(piece: Piece): void {
    this.#held.add(piece);
    this.#piece = piece;
  }

  #written(piece: Piece): void {
    if (this.#piece === undefined && this.#failure === undefined) {
      this.#piece = piece;
      const left = this.#left;
      this.#left = undefined;
      if (left === undefined || this.#fill(left)) this.onReady();
      return;
    }
    this.#release(piece);
    if (this.#failure !== undefined) this.onReady();
  }

  #release(piece: Piece): void {
    if (this.#held.delete(piece)) this.#pool.give(piece);
  }

  /**
   * After the last byte: the root of what arrived.
   * @throws HoldfastError `shard.bad-length`; the system's error of a failed write
   */
  async root(): Promise<string> {
    while (this.#left !== undefined && this.#failure === undefined) await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#receivedBytes !== this.#lengthBytes) {
      throw fail('shard.bad-length', { actual: this.#receivedBytes, expected: this.#lengthBytes });
    }
    return toHex(merkleRoot(this.#groupHashes));
  }

  /** Writes the rest and the trailer. Nothing is synced yet. Rejects with the system's error of any failed write. */
  async seal(record: ShardRecord): Promise<void> {
    await this.#writing;
    if (this.#failure !== undefined) throw this.#failure;
    const [piece, end] = [this.#piece!, this.#filled + trailerBytes(this.#lengthBytes)];
    encodeTrailer(piece.subarray(this.#filled, end), record, this.#groupHashes);
    await writeAll(this.#fd, piece.subarray(0, end), this.#position);
  }

  /** Waits for what is being written and gives the buffers back: always call it, also after a failure. */
  async close(): Promise<void> {
    this.#failure ??= fail('shard.bad-length', { actual: this.#receivedBytes, expected: this.#lengthBytes });
    await this.#writing;
    for (const piece of this.#held) this.#release(piece);
    this.#piece = undefined;
  }
}

/** Bytes of a pool's pieces so that each holds `shardBytes` of a shard (a multiple of 64 KiB) and the trailer. */
export const writerPieceBytes = (shardBytes: number): number => shardBytes + MAX_TRAILER_BYTES;
