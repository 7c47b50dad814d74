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
/** Columns begin at multiples of this: masks need 16, the erasure kernel likes whole vectors. */
const COLUMN_ALIGNMENT = 64;

function check(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) throw badArgument(`${name} ${value}`);
}

/**
 * The data-shard ranges that hold bytes `offset … offset + lengthBytes` of the pack, in order; joined they are those
 * bytes. For a frame: `packRange(entry.offset, entry.sealedBytes, shardLengthBytes)`.
 */
export function packRange(offset: number, lengthBytes: number, shardLengthBytes: number): ShardRange[] {
  check('a range offset of', offset, 0);
  check('a range length of', lengthBytes, 0);
  check('a shard length of', shardLengthBytes, 1);
  const ranges: ShardRange[] = [];
  for (let at = offset; at < offset + lengthBytes;) {
    const within = at % shardLengthBytes;
    const length = Math.min(shardLengthBytes - within, offset + lengthBytes - at);
    ranges.push({ shardIndex: (at - within) / shardLengthBytes, offset: within, lengthBytes: length });
    at += length;
  }
  return ranges;
}

/**
 * The column that holds the pack's last `tailBytes` bytes, its start a multiple of 64 bytes. When the tail is longer
 * than a shard the column is the whole shard: the decoded data shards, joined, then end with the tail.
 */
export function tailColumn(tailBytes: number, shardLengthBytes: number): ColumnRange {
  check('a tail of', tailBytes, 1);
  check('a shard length of', shardLengthBytes, 1);
  const start = Math.max(0, shardLengthBytes - tailBytes);
  const offset = start - (start % COLUMN_ALIGNMENT);
  return { offset, lengthBytes: shardLengthBytes - offset };
}
