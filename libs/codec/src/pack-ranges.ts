/** Where in a pack's data shards its parts lie, for range reads. Pure arithmetic. */
import { badArgument } from './shapes.ts';

/** Bytes `offset … offset + lengthBytes` of data shard `shardIndex`. */
export interface ShardRange {
  readonly shardIndex: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** The same bytes `offset … offset + lengthBytes` of every shard: any k shards' columns decode to the data shards' columns. */
export interface ColumnRange {
  readonly offset: number;
  readonly lengthBytes: number;
}

/** How much of a pack's end to ask for first: trailer and a table of up to 1,596 frames. */
export const FIRST_TAIL_BYTES = 65_536;

/** The data-shard ranges that hold bytes `offset … offset + lengthBytes` of the pack, in order. */
export function packRange(offset: number, lengthBytes: number, shardLengthBytes: number): ShardRange[] {
  void offset;
  void lengthBytes;
  void shardLengthBytes;
  throw badArgument('not built yet');
}

/**
 * The column that holds the pack's last `tailBytes` bytes, its start a multiple of 64 bytes. When the tail is longer
 * than a shard the column is the whole shard: the decoded data shards, joined, then end with the tail.
 */
export function tailColumn(tailBytes: number, shardLengthBytes: number): ColumnRange {
  void tailBytes;
  void shardLengthBytes;
  throw badArgument('not built yet');
}
