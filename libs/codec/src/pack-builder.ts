/** Builds one pack in a region of memory that the caller gives: seal each chunk into its place, then close. */
import type { PackId } from '@holdfast/protocol';
import type { PackTable } from './pack-table.ts';
import { badArgument, type PackPolicy, type RandomSource } from './shapes.ts';

export const PACK_KINDS = ['data', 'tree', 'index'] as const;
/** `data`: contents of files, and lists of their chunk ids; `tree`: trees and snapshot records; `index`: index objects. */
export type PackKind = (typeof PACK_KINDS)[number];

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

/**
 * One builder makes one pack: it draws the pack id itself and `finish` ends it, so nothing is ever sealed twice under
 * one id. An abandoned builder is simply dropped with its id.
 */
export class PackBuilder {
  readonly packId: PackId;
  constructor(options: PackBuilderOptions) {
    void options;
    throw badArgument('not built yet');
  }
  get frameCount(): number {
    return 0;
  }
  /** Frames, table and trailer so far. */
  get contentBytes(): number {
    return 0;
  }
  /** Whether a chunk of this length surely fits. An empty builder fits every chunk. */
  canAdd(plaintextBytes: number): boolean {
    void plaintextBytes;
    throw badArgument('not built yet');
  }
  /**
   * Compresses where it pays, seals, and writes the frame into the region. `plaintext` may lie in the same memory but
   * not in the region. The id is taken as given (32 bytes; `createChunkIdHasher`).
   * @throws HoldfastError `codec.bad-argument` when it does not fit, is empty or longer than 4 MiB, or after `finish`
   */
  addChunk(id: Uint8Array, plaintext: Uint8Array): AddedFrame {
    void id;
    void plaintext;
    throw badArgument('not built yet');
  }
  /**
   * Writes padding, table and trailer. Afterwards the region's first `packLengthBytes` bytes are the data shards, in
   * order and contiguous; next come parity (`encode`) and `maskShard` on every shard.
   */
  finish(): ClosedPack {
    throw badArgument('not built yet');
  }
}
